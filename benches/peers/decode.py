"""Physical limit: only decode the needed columns (pyarrow C++ reader), 2 threads, nothing kept. DATA_DIR OUT_DIR PART=rfm|usage|all"""

import sys, glob, os, pyarrow as pa, pyarrow.parquet as pq
from concurrent.futures import ThreadPoolExecutor
from job import EV_PART_FROM

data, _, part = sys.argv[1:4]
part = part.split(":")[0]
T = int(os.environ.get("THREADS", "2"))
DICT = os.environ.get("DICT") == "1"
pa.set_cpu_count(1)
jobs = []
if part in ("rfm", "all"):
    jobs += [(f, ["account_id", "ts", "amount", "status"]) for f in glob.glob(f"{data}/orders/*/*.parquet")]
if part in ("usage", "all"):
    jobs += [
        (f, ["account_id", "ts", "feature", "count"])
        for f in glob.glob(f"{data}/usage_events/*/*.parquet")
        if f.split("dt=")[1][:10] >= EV_PART_FROM
    ]


def one(j):
    p = pq.ParquetFile(
        j[0],
        read_dictionary=[c for c in ("account_id", "feature", "status") if c in j[1]] if DICT else None,
        memory_map=True,
    )
    b = 0
    n = 0
    for i in range(p.metadata.num_row_groups):
        t = p.read_row_group(i, columns=j[1], use_threads=False)
        n += t.num_rows
        for k in range(p.metadata.num_columns):
            c = p.metadata.row_group(i).column(k)
            if c.path_in_schema in j[1]:
                b += c.total_compressed_size
    return n, b


with ThreadPoolExecutor(T) as ex:
    r = list(ex.map(one, jobs))
print("rows", sum(x[0] for x in r), "compressed bytes", sum(x[1] for x in r))

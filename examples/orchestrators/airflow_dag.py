"""A night a day in Airflow 3: retried where that helps, failed at once where it does not."""

import datetime
import json
import subprocess

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

PROJECT = "/srv/acme"


@dag(
    schedule="15 3 * * *",
    start_date=datetime.datetime(2026, 1, 1),
    catchup=False,  # roster backfill does that, in the right order
    max_active_runs=1,
)
def customer_segments():
    @task(retries=5, retry_delay=datetime.timedelta(minutes=5), retry_exponential_backoff=True)
    def night(logical_date=None):
        # The day that is over. Of the run, not of the clock: a retry is about the same night.
        day = (logical_date - datetime.timedelta(days=1)).date().isoformat()
        command = ["roster", "run", "--project", PROJECT, "--as-of", day, "--json"]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if ended.returncode in (3, 6):
            raise AirflowException("a store is down, or the extracts are not ready")
        if ended.returncode not in (0, 4):
            raise AirflowFailException(f"nothing new is published: exit code {ended.returncode}")
        report = json.loads(ended.stdout)
        return {"version": report["version"], "stale": [stale["segmentation"] for stale in report["stale"]]}

    @task
    def tell(night):
        if night["stale"]:
            raise AirflowFailException(f"published as of the night before: {', '.join(night['stale'])}")

    tell(night())


customer_segments()

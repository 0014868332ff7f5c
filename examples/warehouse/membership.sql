-- The current membership, in DuckDB alone: log -> manifest -> files -> rows.
--
--     duckdb -c "SET VARIABLE root = 's3://lake/segments'" -f membership.sql
--
-- For s3://, gs:// and az:// create a secret first (CREATE SECRET (TYPE s3, PROVIDER credential_chain)).
-- Each step is a variable: a query can not compute the names of the files that it reads.

-- 1. The newest record. Only names are listed, and the newest is read: it holds the whole state. Its number is padded with
--    zeros, so the largest name is the newest. latest.json would need a walk behind it, as it may lag.
SET VARIABLE record = (
    SELECT coalesce(max(file), error('nothing is committed yet at ' || getvariable('root')))
    FROM glob(getvariable('root') || '/log/*.json')
);

SET VARIABLE head = (
    SELECT CASE WHEN (content::JSON ->> '$.format')::INTEGER = 1 THEN content::JSON
                ELSE error('written in a newer format than this query reads: ' || filename) END
    FROM read_text(getvariable('record'))
);

-- 2. The night: the current one. For another, compare as_of with its date; `live` leaves out what a rollback withdrew.
SET VARIABLE night = (
    SELECT coalesce(any_value(night), error('no such night is live'))
    FROM (SELECT unnest((getvariable('head') -> '$.state.nights')::JSON[]) AS night)
    WHERE night ->> '$.as_of' = getvariable('head') ->> '$.state.current'
      AND (night ->> '$.live')::BOOLEAN
);

-- 3. Its files. The record holds the manifest's hash, the manifest the files': nobody reads what was not committed.
--    A file that is missing here was deleted since step 1: run the script again.
SET VARIABLE manifest = (
    SELECT CASE WHEN any_value(sha256(content)) = getvariable('night') ->> '$.manifest_sha256'
                THEN any_value(content)::JSON
                ELSE error('the manifest is not the committed one: run again, then roster verify --deep') END
    FROM read_text(getvariable('root') || '/attempts/' || (getvariable('night') ->> '$.attempt_id') || '/manifest.json')
);

SET VARIABLE files = (getvariable('manifest') -> '$.tables.membership.files')::JSON[];

SET VARIABLE paths = list_transform(getvariable('files'), lambda file: getvariable('root') || '/' || (file ->> '$.path'));

SET VARIABLE hashes = list_transform(getvariable('files'), lambda file: file ->> '$.sha256');

-- Reads each file once more than needed. Leave it out where the store's own checksums are enough for you.
SELECT CASE WHEN list_sort(list(sha256(content))) = list_sort(getvariable('hashes')) THEN count(*)
            ELSE error('files are not the committed ones: run again, then roster verify --deep') END AS files_verified
FROM read_blob(getvariable('paths'));

-- 4. The rows. Folder names are no columns.
SELECT * FROM read_parquet(getvariable('paths'), hive_partitioning = false);

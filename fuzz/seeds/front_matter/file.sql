SELECT *
FROM '/etc/passwd'
#!/usr/bin/env bash
# One night, from cron or by hand: nightly.sh PROJECT [DAY]. The report is left in PROJECT-report.json.
#   15 3 * * *  cd /srv && TZ=Europe/Berlin ./nightly.sh acme || mail -s "acme: no new night" cs-ops < acme-report.json
set -u
project=$1
# The day that is over. By name: a retry after midnight is then about the same night.
day=${2:-$(date -d yesterday +%F)}
# Seconds before each try: an hour and a half in all, for extracts that are late and stores that are down.
for pause in 0 ${PAUSES:-60 300 900 1800 2400}; do
    sleep "$pause"
    roster run --project "$project" --as-of "$day" --json > "$project-report.json"
    code=$?
    case $code in
    3 | 6) ;;            # a store, or inputs that are not ready: again
    *) break ;;
    esac
done
exit "$code" # 0; 4 if some segmentations are those of the night before; else nothing new is published

-- Where each live account is: the band of time zones for when to write, the languages for who should. The zone counts before the
-- country: a branch in New York may well belong to a company in Berlin.
WITH zoned AS (
    SELECT c.account_id,
           country,
           CASE
               -- Of Asia the Middle East, and Africa's islands: their working day is Europe's.
               WHEN time_zone IN ('Asia/Aden', 'Asia/Amman', 'Asia/Baghdad', 'Asia/Bahrain', 'Asia/Baku', 'Asia/Beirut',
                                  'Asia/Damascus', 'Asia/Dubai', 'Asia/Gaza', 'Asia/Hebron', 'Asia/Istanbul', 'Asia/Jerusalem',
                                  'Asia/Kuwait', 'Asia/Muscat', 'Asia/Nicosia', 'Asia/Qatar', 'Asia/Riyadh', 'Asia/Tbilisi',
                                  'Asia/Tehran', 'Asia/Tel_Aviv', 'Asia/Yerevan',
                                  'Indian/Antananarivo', 'Indian/Comoro', 'Indian/Mahe', 'Indian/Mauritius', 'Indian/Mayotte',
                                  'Indian/Reunion') THEN 'emea'
               -- Hawaii sits at the American desk, and so do the islands off South America.
               WHEN time_zone IN ('Pacific/Honolulu', 'Pacific/Easter', 'Pacific/Galapagos',
                                  'Atlantic/Bermuda', 'Atlantic/Stanley') THEN 'americas'
               WHEN starts_with(time_zone, 'America/') OR starts_with(time_zone, 'US/')
                   OR starts_with(time_zone, 'Canada/') THEN 'americas'
               WHEN starts_with(time_zone, 'Europe/') OR starts_with(time_zone, 'Africa/')
                   OR starts_with(time_zone, 'Atlantic/') THEN 'emea'
               WHEN starts_with(time_zone, 'Asia/') OR starts_with(time_zone, 'Australia/')
                   OR starts_with(time_zone, 'Pacific/') OR starts_with(time_zone, 'Indian/') THEN 'apac'
               -- UTC and the like say where a server is.
           END AS zone_band
    FROM feature.contract AS c
    LEFT JOIN staging.accounts AS a ON a.account_id = c.account_id
)
SELECT account_id,
       COALESCE(zone_band, time_zone_band) AS time_zone_band,
       languages
FROM zoned
LEFT JOIN staging.countries AS n ON n.country = zoned.country

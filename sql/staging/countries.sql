-- One row per country (ISO 3166-1 alpha-2): the band of time zones that most of its people live in, and the languages in which
-- its companies expect to be served: the official ones, and English where business is commonly done in it. No extract: add a line
-- for a country that is missing, until then what rests on it is unknown.
SELECT column1                       AS country,
       column2                       AS time_zone_band,
       string_to_array(column3, ' ') AS languages   -- ISO 639-1
FROM VALUES
    ('AE', 'emea', 'ar en'), ('AR', 'americas', 'es'), ('AT', 'emea', 'de'),    ('AU', 'apac', 'en'),
    ('BE', 'emea', 'nl fr'), ('BG', 'emea', 'bg'),     ('BR', 'americas', 'pt'), ('CA', 'americas', 'en fr'),
    ('CH', 'emea', 'de fr it'), ('CL', 'americas', 'es'), ('CN', 'apac', 'zh'),  ('CO', 'americas', 'es'),
    ('CZ', 'emea', 'cs'),    ('DE', 'emea', 'de'),     ('DK', 'emea', 'da en'), ('EE', 'emea', 'et en'),
    ('EG', 'emea', 'ar'),    ('ES', 'emea', 'es'),     ('FI', 'emea', 'fi sv en'), ('FR', 'emea', 'fr'),
    ('GB', 'emea', 'en'),    ('GR', 'emea', 'el'),     ('HK', 'apac', 'zh en'), ('HR', 'emea', 'hr'),
    ('HU', 'emea', 'hu'),    ('ID', 'apac', 'id'),     ('IE', 'emea', 'en'),    ('IL', 'emea', 'he en'),
    ('IN', 'apac', 'en hi'), ('IS', 'emea', 'is en'),  ('IT', 'emea', 'it'),    ('JP', 'apac', 'ja'),
    ('KE', 'emea', 'en sw'), ('KR', 'apac', 'ko'),     ('LI', 'emea', 'de'),    ('LT', 'emea', 'lt en'),
    ('LU', 'emea', 'fr de'), ('LV', 'emea', 'lv en'),  ('MA', 'emea', 'ar fr'), ('MT', 'emea', 'mt en'),
    ('MX', 'americas', 'es'), ('MY', 'apac', 'ms en'), ('NG', 'emea', 'en'),    ('NL', 'emea', 'nl en'),
    ('NO', 'emea', 'no en'), ('NZ', 'apac', 'en'),     ('PE', 'americas', 'es'), ('PH', 'apac', 'en'),
    ('PL', 'emea', 'pl'),    ('PT', 'emea', 'pt'),     ('RO', 'emea', 'ro'),    ('RS', 'emea', 'sr'),
    ('SA', 'emea', 'ar en'), ('SE', 'emea', 'sv en'),  ('SG', 'apac', 'en zh'), ('SI', 'emea', 'sl'),
    ('SK', 'emea', 'sk'),    ('TH', 'apac', 'th'),     ('TR', 'emea', 'tr'),    ('TW', 'apac', 'zh'),
    ('UA', 'emea', 'uk'),    ('US', 'americas', 'en'), ('UY', 'americas', 'es'), ('VN', 'apac', 'vi'),
    ('ZA', 'emea', 'en')

-- A usage key that is kept as the twin of another is not that other.
SELECT
    'usage key of file ' || (usage_key_twin.record / 68719476736) || ' record '
    || (usage_key_twin.record / 2048 % 33554432) || ': owned a second time by file '
    || (usage_key.record / 68719476736) || ' record ' || (usage_key.record / 2048 % 33554432)
FROM usage_key_twin
INNER JOIN usage_key
    ON usage_key.head = usage_key_twin.head AND usage_key.rest = usage_key_twin.rest
ORDER BY 1

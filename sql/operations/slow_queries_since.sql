-- Purpose: since when pg_stat_statements counts, in seconds of the epoch: so that no DateStyle matters.
-- Oldest server: 14, with version 1.9 of the extension. Privileges: none. Placeholder: the schema of the extension.
SELECT /* fowergram-db */ pg_catalog.date_part('epoch', stats_reset) AS since
FROM {schema}.pg_stat_statements_info;

-- Purpose: find at little cost whether a database's schema is still that of the template it was cloned from. A clone is
-- a copy of the template's files, and each change writes a new row of the catalog, with the number of the transaction
-- that did it. A transaction writes to one database only: if the newest row is of the very transaction that wrote the
-- template's newest, the database is a copy of that template, and of no other; with as many rows, nothing was changed.
-- Large objects are in the catalog, too; statistics for the planner are left out, and so is pg_class, which
-- relations_state.sql compares.
-- Oldest server: 13. Privileges: none, superuser for pg_largeobject. Requires a transaction with search_path = ''.
-- Parameter: newest (text: the number of a transaction). Columns: entries (bigint: rows of the catalog); age (integer: that
-- of the newest of them, in transactions); age_of_newest (integer: that of the parameter).
WITH entry (xmin) AS (
    SELECT xmin FROM pg_catalog.pg_aggregate
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_am
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_amop
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_amproc
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_attrdef
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_attribute
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_cast
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_collation
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_constraint
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_conversion
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_default_acl
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_depend
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_description
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_enum
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_event_trigger
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_extension
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_foreign_table
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_index
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_inherits
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_init_privs
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_language
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_largeobject
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_largeobject_metadata
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_namespace
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_opclass
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_operator
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_opfamily
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_partitioned_table
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_policy
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_proc
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_publication
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_publication_rel
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_range
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_rewrite
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_seclabel
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_sequence
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_statistic_ext
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_subscription_rel
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_transform
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_trigger
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_ts_config
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_ts_config_map
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_ts_dict
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_ts_parser
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_ts_template
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_type
    UNION ALL
    SELECT xmin FROM pg_catalog.pg_user_mapping
)
SELECT
    pg_catalog.count(*) AS entries,
    pg_catalog.min(pg_catalog.age(entry.xmin)) AS age,
    pg_catalog.age(%(newest)s::text::xid) AS age_of_newest
FROM entry;

-- Purpose: drop all that this role owns in this database, directly or as a member of the owner: where no other database
-- can be made to take its place. The schema public stays, empty, and so does what others own, as the extensions that a
-- superuser has installed.
-- Oldest server: 13. Privileges: none beyond owning what is dropped. Requires a transaction with search_path = ''.
DO $$
DECLARE
    v_object record;
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT
            a.defaclrole::regrole::text AS maker,
            CASE WHEN a.defaclnamespace <> 0::oid THEN ' IN SCHEMA ' || a.defaclnamespace::regnamespace::text ELSE '' END
                AS place,
            CASE a.defaclobjtype
                WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS'
            END AS kind,
            CASE a.defaclobjtype WHEN 'f' THEN 'EXECUTE' WHEN 'T' THEN 'USAGE' END AS open_to_all,
            (
                SELECT pg_catalog.string_agg(
                    DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, ', '
                )
                FROM pg_catalog.aclexplode(a.defaclacl) AS g
            ) AS grantees,
            a.defaclnamespace = 0::oid AS is_whole
        FROM pg_catalog.pg_default_acl AS a
        WHERE pg_catalog.pg_has_role(a.defaclrole, 'USAGE')
    LOOP
        -- Back to what the server has by itself: the entry is gone then.
        IF v_grant.grantees IS NOT NULL THEN
            EXECUTE pg_catalog.format(
                'ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s',
                v_grant.maker, v_grant.place, v_grant.kind, v_grant.grantees
            );
        END IF;
        IF v_grant.is_whole THEN
            EXECUTE pg_catalog.format(
                'ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT ALL ON %s TO %s', v_grant.maker, v_grant.kind, v_grant.maker
            );
        END IF;
        IF v_grant.is_whole AND v_grant.open_to_all IS NOT NULL THEN
            EXECUTE pg_catalog.format(
                'ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT %s ON %s TO PUBLIC',
                v_grant.maker, v_grant.open_to_all, v_grant.kind
            );
        END IF;
    END LOOP;
    FOR v_object IN
        SELECT d.classid, d.objid, what.type, what.identity
        FROM pg_catalog.pg_shdepend AS d
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS what
        WHERE d.dbid = (SELECT b.oid FROM pg_catalog.pg_database AS b WHERE b.datname = pg_catalog.current_database())
            AND d.refclassid = 'pg_catalog.pg_authid'::regclass::oid AND d.deptype = 'o'
            AND pg_catalog.pg_has_role(d.refobjid, 'USAGE')
            AND d.classid <> 'pg_catalog.pg_default_acl'::regclass::oid
            AND NOT (d.classid = 'pg_catalog.pg_namespace'::regclass::oid AND what.name = 'public')
            -- What belongs to an extension, or goes with what it is a part of.
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend AS p
                WHERE p.classid = d.classid AND p.objid = d.objid AND p.objsubid = 0 AND p.deptype IN ('e', 'i')
            )
        ORDER BY
            -- What others depend on comes first; a sequence may belong to a table, a type may be the row of one.
            CASE what.type
                WHEN 'extension' THEN 1 WHEN 'schema' THEN 2 WHEN 'table' THEN 3 WHEN 'sequence' THEN 5
                WHEN 'type' THEN 6 ELSE 4
            END,
            d.objid
    LOOP
        -- With one that was dropped before, this one may have gone.
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM pg_catalog.pg_shdepend AS d
            WHERE d.classid = v_object.classid AND d.objid = v_object.objid AND d.deptype = 'o'
                AND d.dbid = (
                    SELECT b.oid FROM pg_catalog.pg_database AS b WHERE b.datname = pg_catalog.current_database()
                )
        );
        IF v_object.type = 'large object' THEN
            PERFORM pg_catalog.lo_unlink(v_object.objid);
        ELSE
            EXECUTE pg_catalog.format(
                'DROP %s IF EXISTS %s CASCADE',
                CASE v_object.type WHEN 'statistics object' THEN 'STATISTICS' ELSE v_object.type END,
                v_object.identity
            );
        END IF;
    END LOOP;
END
$$;

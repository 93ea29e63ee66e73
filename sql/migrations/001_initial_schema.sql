-- The core of Fowergram: accounts, posts, the social graph, notifications, hashtags and stories,
-- the triggers that keep every count exact, and the readers of profiles, feeds, posts and comments.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';


-- Keys --------------------------------------------------------------------------------------------

-- In the order of their making, keys fill an index from its end and keep it in the cache. PostgreSQL 18 makes
-- such keys itself; before it, the twelve bits below the millisecond are taken from the clock in the same way.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        CREATE FUNCTION public.uuid_v7() RETURNS uuid
        LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT pg_catalog.uuidv7()';
    ELSE
        -- 60 bits of time with the version between the first 48 and the rest; variant and 62 random bits.
        CREATE FUNCTION public.uuid_v7() RETURNS uuid
        LANGUAGE sql VOLATILE PARALLEL SAFE AS $body$
            SELECT (
                overlay(
                    pg_catalog.lpad(pg_catalog.to_hex(
                        (extract(epoch FROM pg_catalog.clock_timestamp())::double precision
                            * 4096000::double precision)::bigint), 15, '0')
                    PLACING '7' FROM 13 FOR 0)
                || substring(pg_catalog.gen_random_uuid()::text FROM 20))::uuid
        $body$;
    END IF;
END;
$$;

COMMENT ON FUNCTION public.uuid_v7() IS
    'A version 7 UUID, which sorts by the time of its creation and contains it: for keys, never for secrets.';


-- Texts -------------------------------------------------------------------------------------------

-- Thai sara am can be typed as one character or as nikhahit and sara aa, with a tone mark before or between these,
-- and sara ae as sara e twice: all look the same. NFKC makes two characters of sara am; the tone mark goes before
-- them.
CREATE FUNCTION public.normalize_text(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT pg_catalog.replace(
        pg_catalog.regexp_replace(
            normalize(p_text, NFKC), U&'\0E4D([\0E48-\0E4B])\0E32', U&'\\1\0E4D\0E32', 'g'),
        U&'\0E40\0E40', U&'\0E41')
$$;

COMMENT ON FUNCTION public.normalize_text(text) IS
    'A text in NFKC, Thai vowels that look the same in one spelling: texts that look the same are the same.';


-- Not inlined, and with a COST: otherwise the planner assumes that it costs nothing, and reads half a table instead of
-- searching the index for a word.
CREATE FUNCTION public.search_text(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN lower(public.normalize_text(p_text));
END;
$$;

COMMENT ON FUNCTION public.search_text(text) IS
    'A text as it is searched for: normalised, in lower case. The trigram indexes hold this.';


-- A trigram index cannot find one or two characters in the middle of a text, so the whole table would be read; it can
-- find those that a text begins with.
CREATE FUNCTION public.search_pattern(p_query text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT
        CASE WHEN pg_catalog.char_length(public.search_text(pg_catalog.btrim(p_query))) < 3 THEN '' ELSE '%' END
        || pg_catalog.regexp_replace(
            public.search_text(pg_catalog.btrim(p_query)), '([\\%_])', '\\\1', 'g') || '%'
$$;

COMMENT ON FUNCTION public.search_pattern(text) IS
    'The LIKE pattern that finds a query as a part of a search_text, whatever signs it holds; of fewer than three signs, as '
    'its beginning.';


-- Shared trigger functions ------------------------------------------------------------------------

CREATE FUNCTION public.set_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.set_updated_at() IS 'Row trigger: stamps updated_at on every update.';


-- A use that is dated a year ahead would lead the trends for that year.
CREATE FUNCTION public.limit_created_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.created_at := now();
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.limit_created_at() IS
    'Row trigger on what counts for a trend: a row that is dated ahead is one of now.';


-- At REPEATABLE READ and SERIALIZABLE, a transaction reads what was committed before it began. A row may refer to none that
-- is newer, so counting it is safe, and so is a deletion: its cascades fail if they would miss a row. But what moves the
-- counts of rows that others write would miss the newer ones, so it needs READ COMMITTED.
CREATE FUNCTION public.require_read_committed(p_what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s needs READ COMMITTED', p_what),
            DETAIL = 'At this isolation level, the transaction would miss rows that others have added meanwhile.',
            HINT = 'Repeat it in a transaction at READ COMMITTED.',
            CONSTRAINT = 'read_committed_check';
    END IF;
END;
$$;

COMMENT ON FUNCTION public.require_read_committed(text) IS
    'Of what moves counts of rows that others write: refuses REPEATABLE READ and SERIALIZABLE. Argument: what needs it.';


-- There are two kinds of counts.
--
-- Counts that any user may change at any time (of users, posts and so on) are kept in slots: any number of rows for one
-- key. A writer takes a row that is not locked, and adds one if all are locked. So no writer ever waits for another, and
-- none deadlocks. A viral post has sixteen rows, or as many as it had concurrent writers, a quiet one a single row. A
-- view adds the slots up. Slots have no foreign key, which would make their writers wait for a deletion of the owner; a
-- slot that remains after such a conflict belongs to no row of the view.
--
-- Counts in a column of the row itself (the posts of a hashtag, the views of a story) are changed in place; the rows of
-- one statement are locked in one order: collections, then hashtags, then trends, each in the order of its keys.
--
-- In both cases only the net change for each key is written: an update that moves no row in or out of a count writes no
-- counter.
--
-- The functions are generated, so that their statements are planned once in a session, perhaps for a single row, or while
-- the tables were small. So no statement joins two sets of rows of which neither has an index (a nested loop of both would
-- be quadratic): changes are summed up over all old and new rows, and the rows that belong to each are read by their
-- key (CROSS JOIN LATERAL, which OFFSET 0 or a row lock keeps as it is).
CREATE FUNCTION public.keep_counts(p_source text, p_counter text, p_key_column text, VARIADIC p_counts text[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_columns text[];
    v_keys text[];
    v_values text[];
    v_types text[];
    v_function constant text := format('count_%s_in_%s', p_source, p_counter);
    v_in_slots constant boolean := EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = format('public.%I', p_counter)::regclass AND a.attname = 'slot' AND NOT a.attisdropped);
    v_owner constant text := (
        SELECT c.relname FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND t.tgname = format('sweep_%s_on_delete', p_counter));
    v_arguments constant text := (
        SELECT string_agg(quote_literal(argument), ', ' ORDER BY position)
        FROM unnest(ARRAY[p_counter, p_key_column] || p_counts) WITH ORDINALITY AS a (argument, position));
    v_gains text;
    v_losses text;
    v_add_to_slot text;
    v_event text;
    v_rows text;
BEGIN
    SELECT
        array_agg(p_counts[i] ORDER BY i), array_agg(p_counts[i + 1] ORDER BY i), array_agg(p_counts[i + 2] ORDER BY i),
        array_agg((
            SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
            WHERE a.attrelid = format('public.%I', p_counter)::regclass AND a.attname = p_counts[i]) ORDER BY i)
    INTO v_columns, v_keys, v_values, v_types
    FROM generate_series(1, cardinality(p_counts), 3) AS i;

    -- One SELECT for each column of the source that holds keys, with a number for each count.
    SELECT
        string_agg(format('SELECT %I, %s FROM new_rows AS it', key, gains), ' UNION ALL '),
        string_agg(format('SELECT %I, %s FROM old_rows AS it', key, losses), ' UNION ALL ')
    INTO v_gains, v_losses
    FROM (
        SELECT
            k.key,
            string_agg(CASE WHEN k.key = c.key THEN format('(%s)', c.value) ELSE '0' END, ', ' ORDER BY c.n) AS gains,
            string_agg(CASE WHEN k.key = c.key THEN format('-(%s)', c.value) ELSE '0' END, ', ' ORDER BY c.n) AS losses
        FROM (SELECT DISTINCT unnest(v_keys)) AS k (key)
        CROSS JOIN unnest(v_keys, v_values) WITH ORDINALITY AS c (key, value, n)
        GROUP BY k.key
    ) AS of_key;

    IF v_in_slots THEN
        v_add_to_slot := public.sql_add_one(v_owner, p_counter, p_key_column, v_columns);
    END IF;

    EXECUTE (
        SELECT format(
            $function$
            CREATE FUNCTION public.%1$I() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
            #variable_conflict use_column
            DECLARE
                it record;
                v_own constant integer := pg_backend_pid();
                v_keys uuid[];
                v_key uuid;
                %2$s
            BEGIN
                IF TG_OP = 'TRUNCATE' THEN
                    PERFORM public.require_read_committed(format('TRUNCATE of "%%s"', TG_TABLE_NAME));
                    %3$s
                    RETURN NULL;
                ELSIF TG_OP = 'INSERT' THEN
                    %4$s
                ELSIF TG_OP = 'UPDATE' THEN
                    %5$s
                ELSE
                    %6$s
                END IF;
                IF v_keys IS NOT NULL THEN
                    %7$s
                END IF;
                RETURN NULL;
            END;
            $body$
            $function$,
            v_function,
            string_agg(format('v_%1$s %2$s[]; v_one_%1$s %2$s;', c.name, c.type), E'\n' ORDER BY c.n),
            format(
                'UPDATE public.%I SET %s WHERE %s;', p_counter,
                string_agg(format('%I = 0', c.name), ', ' ORDER BY c.n),
                string_agg(format('%I <> 0', c.name), ' OR ' ORDER BY c.n)),
            public.changes_of_rows('new_rows', v_keys, v_columns, v_values, v_types, v_gains, v_add_to_slot),
            public.sum_of_changes(v_columns, v_types, v_gains || ' UNION ALL ' || v_losses),
            public.changes_of_rows('old_rows', v_keys, v_columns, v_values, v_types, v_losses, v_add_to_slot),
            CASE WHEN v_in_slots
                THEN public.sql_add_many(v_owner, p_counter, p_key_column, v_columns)
                ELSE public.sql_add_in_place(p_counter, p_key_column, v_columns)
            END)
        FROM unnest(v_columns, v_types) WITH ORDINALITY AS c (name, type, n));
    EXECUTE format('REVOKE ALL ON FUNCTION public.%I() FROM PUBLIC', v_function);
    EXECUTE format('COMMENT ON FUNCTION public.%I() IS %L', v_function, format(
        'Statement trigger on %s: keeps %s of %s. Made by keep_counts.',
        p_source, array_to_string(v_columns, ', '), p_counter));

    -- recount reads from the arguments what is counted.
    FOR v_event, v_rows IN VALUES
        ('insert', 'REFERENCING NEW TABLE AS new_rows'),
        ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('delete', 'REFERENCING OLD TABLE AS old_rows'),
        ('truncate', '')
    LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON public.%I %s
             FOR EACH STATEMENT EXECUTE FUNCTION public.%I(%s)',
            format('keep_%s_on_%s', public.place_in_order(p_counter), v_event), v_event, p_source, v_rows, v_function,
            v_arguments);
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.keep_counts(text, text, text, text[]) IS
    'For migrations: creates the triggers, and their function, that keep counts of the rows of one table in another. '
    'Arguments: source, counter table, its key column, then for each count its column, the source column that holds '
    'the key, and an expression for how much a source row, named it, adds. A counter table with a column slot is counted '
    'in slots.';


-- Triggers of one event fire in the order of their names.
CREATE FUNCTION public.place_in_order(p_counter text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT 'trends_of_' || c.relname FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND t.tgname = format('sweep_%s_on_delete', p_counter)
          AND p_counter LIKE '%\_trends'), p_counter)
$$;

COMMENT ON FUNCTION public.place_in_order(text) IS
    'Of keep_counts: how the triggers of a counter table are named, so that a row is locked before its trend.';


CREATE FUNCTION public.sum_of_changes(p_columns text[], p_types text[], p_changes text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        $sql$
        SELECT array_agg(key ORDER BY key), %s INTO v_keys, %s
        FROM (SELECT key, %s FROM (%s) AS changes (key, %s) WHERE key IS NOT NULL GROUP BY key HAVING %s) AS net;
        $sql$,
        string_agg(format('array_agg(%I::%s ORDER BY key)', c.name, c.type), ', ' ORDER BY c.n),
        string_agg(format('v_%s', c.name), ', ' ORDER BY c.n),
        string_agg(format('sum(%1$I) AS %1$I', c.name), ', ' ORDER BY c.n),
        p_changes,
        string_agg(format('%I', c.name), ', ' ORDER BY c.n),
        string_agg(format('sum(%I) <> 0', c.name), ' OR ' ORDER BY c.n))
    FROM unnest(p_columns, p_types) WITH ORDINALITY AS c (name, type, n)
$$;

COMMENT ON FUNCTION public.sum_of_changes(text[], text[], text) IS
    'Of keep_counts: the statement that sums changes up for each key that they do change.';


-- Most statements insert or delete one row, which takes two thirds of the time without a sum, and without arrays. What is
-- changed in place must not name a key twice, so there it is summed up always.
CREATE FUNCTION public.changes_of_rows(
    p_rows text, p_keys text[], p_columns text[], p_values text[], p_types text[], p_changes text, p_add_one text
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN p_add_one IS NULL THEN public.sum_of_changes(p_columns, p_types, p_changes) ELSE format(
        $sql$
        SELECT one.*, EXISTS (SELECT FROM %1$s OFFSET 1) AS is_one_of_many INTO it FROM %1$s AS one;
        IF it.is_one_of_many THEN
            %2$s
        ELSE
            %3$s
        END IF;
        $sql$,
        p_rows,
        public.sum_of_changes(p_columns, p_types, p_changes),
        (
            SELECT string_agg(
                format('v_key := it.%I; %s IF v_key IS NOT NULL AND (%s) THEN %s END IF;', k.key, (
                    SELECT string_agg(format('v_one_%s := %s;', c.name, CASE WHEN c.key = k.key
                        THEN format('%s(%s)', CASE p_rows WHEN 'old_rows' THEN '-' END, c.value) ELSE '0' END), ' ' ORDER BY n)
                    FROM unnest(p_columns, p_keys, p_values) WITH ORDINALITY AS c (name, key, value, n)
                ), (
                    SELECT string_agg(format('v_one_%s <> 0', c.name), ' OR ' ORDER BY n)
                    FROM unnest(p_columns) WITH ORDINALITY AS c (name, n)
                ), p_add_one),
                E'\n' ORDER BY k.key)
            FROM (SELECT DISTINCT unnest(p_keys)) AS k (key)
        )) END
$$;

COMMENT ON FUNCTION public.changes_of_rows(text, text[], text[], text[], text[], text, text) IS
    'Of keep_counts: the statements that find what inserted or deleted rows add to which keys, and add it for a single row.';


-- Slots with numbers from 2^30 on are shared: any session that finds one unlocked may use it; a quiet row has one. A
-- session that finds them locked adds one with its own number, which no other session uses, and tries that one first
-- from then on; once there are sixteen, it adds another shared one. Their numbers are random, so that two sessions that
-- add one at the same time do not conflict. Its own slot is locked if a prepared transaction of the session holds it.
-- An owner that this transaction has deleted gets none: what it owned may be deleted later in the cascade.
CREATE FUNCTION public.sql_add_one(p_owner text, p_counter text, p_key_column text, p_columns text[])
RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        $sql$
        UPDATE public.%1$I AS s SET %3$s
        WHERE s.%2$I = v_key AND s.slot = (
            SELECT own.slot FROM public.%1$I AS own WHERE own.%2$I = v_key AND own.slot = v_own
            FOR NO KEY UPDATE SKIP LOCKED);
        IF NOT FOUND THEN
            UPDATE public.%1$I AS s SET %3$s
            WHERE s.%2$I = v_key AND s.slot = (
                SELECT free.slot FROM public.%1$I AS free WHERE free.%2$I = v_key AND free.slot >= 1073741824
                ORDER BY free.slot LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED);
        END IF;
        IF NOT FOUND THEN
            INSERT INTO public.%1$I AS s (%2$I, slot, %4$s)
            SELECT o.id, CASE
                    WHEN (
                        SELECT count(*) BETWEEN 1 AND 15 AND NOT bool_or(s.slot = v_own)
                        FROM public.%1$I AS s WHERE s.%2$I = v_key) THEN v_own
                    ELSE 1073741824 + (random() * 1073741823)::integer
                END, %5$s
            FROM public.%7$I AS o WHERE o.id = v_key
            ON CONFLICT (%2$I, slot) DO UPDATE SET %6$s;
        END IF;
        $sql$,
        p_counter,
        p_key_column,
        string_agg(format('%1$I = s.%1$I + v_one_%1$s', c.name), ', ' ORDER BY c.n),
        string_agg(format('%I', c.name), ', ' ORDER BY c.n),
        string_agg(format('v_one_%s', c.name), ', ' ORDER BY c.n),
        string_agg(format('%1$I = s.%1$I + excluded.%1$I', c.name), ', ' ORDER BY c.n),
        p_owner)
    FROM unnest(p_columns) WITH ORDINALITY AS c (name, n)
$$;

COMMENT ON FUNCTION public.sql_add_one(text, text, text, text[]) IS
    'Of keep_counts: the statements that add to an unlocked slot of one key.';


CREATE FUNCTION public.sql_add_many(p_owner text, p_counter text, p_key_column text, p_columns text[])
RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        $sql$
        WITH net AS MATERIALIZED (
            SELECT net.*, free.slot
            FROM unnest(v_keys, %4$s) AS net (key, %3$s)
            LEFT JOIN LATERAL (
                SELECT s.slot FROM public.%1$I AS s WHERE s.%2$I = net.key AND s.slot >= 1073741824
                ORDER BY s.slot LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS free ON true
        ),
        added AS (
            UPDATE public.%1$I AS s SET %5$s FROM net WHERE s.%2$I = net.key AND s.slot = net.slot
        )
        INSERT INTO public.%1$I AS s (%2$I, slot, %3$s)
        SELECT o.id, 1073741824 + (random() * 1073741823)::integer, %6$s
        FROM net JOIN public.%8$I AS o ON o.id = net.key WHERE net.slot IS NULL
        ON CONFLICT (%2$I, slot) DO UPDATE SET %7$s;
        $sql$,
        p_counter,
        p_key_column,
        string_agg(format('%I', c.name), ', ' ORDER BY c.n),
        string_agg(format('v_%s', c.name), ', ' ORDER BY c.n),
        string_agg(format('%1$I = s.%1$I + net.%1$I', c.name), ', ' ORDER BY c.n),
        string_agg(format('net.%I', c.name), ', ' ORDER BY c.n),
        string_agg(format('%1$I = s.%1$I + excluded.%1$I', c.name), ', ' ORDER BY c.n),
        p_owner)
    FROM unnest(p_columns) WITH ORDINALITY AS c (name, n)
$$;

COMMENT ON FUNCTION public.sql_add_many(text, text, text, text[]) IS
    'Of keep_counts: the statement that adds to an unlocked slot of each of many keys.';


CREATE FUNCTION public.sql_add_in_place(p_counter text, p_key_column text, p_columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        $sql$
        IF cardinality(v_keys) > 1 THEN
            PERFORM FROM unnest(v_keys) AS net (key)
            CROSS JOIN LATERAL (SELECT FROM public.%1$I AS c WHERE c.%2$I = net.key FOR NO KEY UPDATE) AS locked;
        END IF;
        UPDATE public.%1$I AS c SET %3$s FROM unnest(v_keys, %4$s) AS net (key, %5$s) WHERE c.%2$I = net.key;
        $sql$,
        p_counter,
        p_key_column,
        string_agg(format('%1$I = c.%1$I + net.%1$I', c.name), ', ' ORDER BY c.n),
        string_agg(format('v_%s', c.name), ', ' ORDER BY c.n),
        string_agg(format('%I', c.name), ', ' ORDER BY c.n))
    FROM unnest(p_columns) WITH ORDINALITY AS c (name, n)
$$;

COMMENT ON FUNCTION public.sql_add_in_place(text, text, text[]) IS
    'Of keep_counts: the statements that change columns of rows which are locked in the order of their keys.';


CREATE FUNCTION public.sweep_slots() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('DELETE FROM public.%I', TG_ARGV[0]);
    ELSE
        EXECUTE format('DELETE FROM public.%I WHERE %I IN (SELECT id FROM old_rows)', TG_ARGV[0], TG_ARGV[1]);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.sweep_slots() IS
    'Statement trigger: removes the slots of rows that are deleted. Arguments: slot table, its key column.';


CREATE FUNCTION public.keep_slots(p_owner text, p_counter text, p_key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER %I AFTER DELETE ON public.%I REFERENCING OLD TABLE AS old_rows
         FOR EACH STATEMENT EXECUTE FUNCTION public.sweep_slots(%L, %L)',
        format('sweep_%s_on_delete', p_counter), p_owner, p_counter, p_key_column);
    EXECUTE format(
        'CREATE TRIGGER %I AFTER TRUNCATE ON public.%I
         FOR EACH STATEMENT EXECUTE FUNCTION public.sweep_slots(%L, %L)',
        format('sweep_%s_on_truncate', p_counter), p_owner, p_counter, p_key_column);
END;
$$;

COMMENT ON FUNCTION public.keep_slots(text, text, text) IS
    'For migrations: creates the triggers that remove slots with their owner. Arguments: the owner''s table, the slot '
    'table, its key column.';


-- Both sides are read in one snapshot, so writers can continue meanwhile. To repair, it locks the sources against writers,
-- one after the other. Sums of powers of two are rounded, so a trend may differ by a millionth of one use.
CREATE FUNCTION public.recount(p_repair boolean DEFAULT false)
RETURNS TABLE (counter text, count_column text, key uuid, counted double precision, is_there double precision)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count record;
    v_differences text;
BEGIN
    -- What is counted, as the arguments of the triggers say: a count may have several sources.
    FOR v_count IN
        SELECT
            c.counter, c.key_column, c.count_column, array_agg(c.source) AS sources,
            string_agg(format('SELECT %I, %s FROM public.%I AS it', c.behind, c.value, c.source), ' UNION ALL ')
                AS changes,
            CASE WHEN c.owner IS NULL THEN ''
                ELSE format(' WHERE EXISTS (SELECT FROM public.%I AS o WHERE o.id = c.%I)', c.owner, c.key_column)
            END AS of_owners,
            CASE WHEN a.atttypid = 'double precision'::regtype
                THEN '1e-6 * public.trend_weight(now()) + 1e-9 * abs(coalesce(s.n, 0))' ELSE '0'
            END AS tolerance,
            EXISTS (
                SELECT FROM pg_attribute AS s
                WHERE s.attrelid = a.attrelid AND s.attname = 'slot' AND NOT s.attisdropped) AS in_slots
        FROM (
            SELECT
                t.source, t.arguments[1] AS counter, t.arguments[2] AS key_column, t.arguments[i] AS count_column,
                t.arguments[i + 1] AS behind, t.arguments[i + 2] AS value, (
                    SELECT o.relname FROM pg_trigger AS s JOIN pg_class AS o ON o.oid = s.tgrelid
                    WHERE s.tgname = format('sweep_%s_on_delete', t.arguments[1])) AS owner
            FROM (
                SELECT c.relname AS source, string_to_array(encode(t.tgargs, 'escape'), '\000') AS arguments
                FROM pg_trigger AS t
                JOIN pg_class AS c ON c.oid = t.tgrelid
                WHERE c.relnamespace = 'public'::regnamespace AND t.tgname LIKE 'keep\_%\_on\_insert'
            ) AS t
            CROSS JOIN generate_series(3, cardinality(t.arguments) - 1, 3) AS i
        ) AS c
        JOIN pg_attribute AS a ON a.attrelid = format('public.%I', c.counter)::regclass AND a.attname = c.count_column
        GROUP BY c.counter, c.key_column, c.count_column, c.owner, a.atttypid, a.attrelid
        ORDER BY 1, 3
    LOOP
        v_differences := format(
            'SELECT %L, %L, coalesce(c.key, s.key) AS key, coalesce(c.n, 0) AS counted, coalesce(s.n, 0) AS is_there
             FROM (SELECT %I AS key, sum(%I)::double precision AS n FROM public.%I AS c%s GROUP BY 1) AS c
             FULL JOIN (
                 SELECT i.key, sum(i.n)::double precision AS n FROM (%s) AS i (key, n)
                 WHERE i.key IS NOT NULL GROUP BY i.key) AS s ON s.key = c.key
             WHERE abs(coalesce(c.n, 0) - coalesce(s.n, 0)) > %s',
            v_count.counter, v_count.count_column, v_count.key_column, v_count.count_column, v_count.counter,
            v_count.of_owners, v_count.changes, v_count.tolerance);
        IF NOT p_repair THEN
            RETURN QUERY EXECUTE v_differences;
            CONTINUE;
        END IF;

        PERFORM public.require_read_committed('recount(true)');
        EXECUTE (
            SELECT format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', string_agg(format('public.%I', source), ', '))
            FROM unnest(v_count.sources) AS source);
        RETURN QUERY EXECUTE format(
            CASE WHEN v_count.in_slots THEN
                'WITH difference AS MATERIALIZED (
                     SELECT d.*, (SELECT min(s.slot) FROM public.%1$I AS s WHERE s.%2$I = d.key) AS slot
                     FROM (%4$s) AS d (counter, count_column, key, counted, is_there)
                 ),
                 changed AS (
                     UPDATE public.%1$I AS s SET %3$I = s.%3$I + (d.is_there - d.counted)
                     FROM difference AS d WHERE s.%2$I = d.key AND s.slot = d.slot
                 ),
                 added AS (
                     INSERT INTO public.%1$I (%2$I, slot, %3$I)
                     SELECT d.key, 1073741824 + (random() * 1073741823)::integer, d.is_there FROM difference AS d
                     WHERE d.slot IS NULL
                 )
                 SELECT d.counter, d.count_column, d.key, d.counted, d.is_there FROM difference AS d'
            ELSE
                'WITH difference AS MATERIALIZED (
                     SELECT * FROM (%4$s) AS d (counter, count_column, key, counted, is_there)
                 ),
                 changed AS (
                     UPDATE public.%1$I AS c SET %3$I = d.is_there FROM difference AS d WHERE c.%2$I = d.key
                 )
                 SELECT * FROM difference'
            END,
            v_count.counter, v_count.key_column, v_count.count_column, v_differences);
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.recount(boolean) IS
    'Compares every count with the rows that it counts and returns those that differ: none, unless someone has disabled '
    'a trigger. With p_repair, corrects them; then no other session can write these rows until the transaction ends.';


-- Trends ------------------------------------------------------------------------------------------

-- Forward decay: a later use adds a larger weight, so scores need no ageing: two of them keep their order forever. One day
-- doubles the weight. A double has the powers of two from -1074 to 1023, which is why there is a landmark: weights grow to
-- 1 until then and have room for a thousand days after it. Later ones count as the last of
-- these, until rebase_trends moves the landmark.
CREATE FUNCTION public.trend_landmark() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '2028-09-01 00:00+00'::timestamptz $$;

COMMENT ON FUNCTION public.trend_landmark() IS 'The moment at which a use weighs 1; rebase_trends moves it.';


CREATE FUNCTION public.trend_weight(p_at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT pg_catalog.power(2::double precision, greatest(-1000::double precision, least(1000::double precision,
        (extract(epoch FROM p_at)::double precision - extract(epoch FROM public.trend_landmark())::double precision)
        / 86400::double precision)))
$$;

COMMENT ON FUNCTION public.trend_weight(timestamptz) IS
    'What one use adds to a trend: 2 to the days between the landmark and the use.';


-- A row that is changed twice in one transaction has all its foreign keys checked again. So a row that
-- cascades change, by its counts or by ON DELETE SET NULL, must be gone before its owner is.
CREATE FUNCTION public.delete_dependents_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM public.%I WHERE %I = $1', TG_ARGV[0], TG_ARGV[1]) USING OLD.id;
    RETURN OLD;
END;
$$;

COMMENT ON FUNCTION public.delete_dependents_first() IS
    'Row trigger before a delete: deletes the rows that refer to this one. Arguments: their table and column.';


-- They run as their owner, and their arguments become SQL, so no other role may attach them to a table.
REVOKE ALL ON FUNCTION public.sweep_slots() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.keep_counts(text, text, text, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.keep_slots(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.recount(boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete_dependents_first() FROM PUBLIC;


-- No one would be shown what a deleted account creates.
CREATE FUNCTION public.refuse_deleted_authors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_author uuid;
BEGIN
    SELECT author.id INTO v_author
    FROM new_rows AS n
    CROSS JOIN LATERAL (
        SELECT u.id FROM public.users AS u WHERE u.id = n.user_id AND u.deleted_at IS NOT NULL OFFSET 0) AS author
    LIMIT 1;
    IF FOUND THEN
        RAISE check_violation USING
            MESSAGE = format('the author of the new row in "%s" is deleted', TG_TABLE_NAME),
            DETAIL = format('The user is %s.', v_author),
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.refuse_deleted_authors() IS
    'Statement trigger, which is named like a constraint: refuses rows of users who are deleted.';

REVOKE ALL ON FUNCTION public.refuse_deleted_authors() FROM PUBLIC;


-- Deletion ----------------------------------------------------------------------------------------

-- A deletion and its cascades reach rows that another one reaches too, in another order: each of two accounts that follow
-- each other deletes both follows. So they take turns. The lock comes before the first row of the statement.
CREATE FUNCTION public.await_other_deletions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('public.await_other_deletions', 0));
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.await_other_deletions() IS
    'Statement trigger before a delete: one transaction at a time deletes what many rows depend on, so that none deadlocks '
    'with another.';


-- What depends on a row is read from the foreign keys, so it includes the tables of later migrations.
CREATE FUNCTION public.dependents_of(p_table text)
RETURNS TABLE (part integer, dependent text, key_column text, is_set_null boolean, has_dependents boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT
        row_number() OVER (ORDER BY f.oid)::integer, c.relname, a.attname, f.confdeltype = 'n',
        EXISTS (SELECT FROM pg_constraint AS g WHERE g.contype = 'f' AND g.confrelid = c.oid)
    FROM pg_constraint AS f
    JOIN pg_class AS c ON c.oid = f.conrelid
    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
    WHERE f.contype = 'f' AND f.confrelid = format('public.%I', p_table)::regclass
      AND NOT c.relispartition AND f.confdeltype IN ('c', 'n')
$$;

COMMENT ON FUNCTION public.dependents_of(text) IS
    'The foreign keys that refer to a table and that a deletion follows, numbered from 1.';


-- Where rows depend on each other in a circle, or ever deeper, the fifth level goes with its cascades.
CREATE FUNCTION public.erase_rows(
    p_table text, p_ids uuid[], p_until timestamptz, p_part integer DEFAULT NULL, p_depth integer DEFAULT 1
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_most constant integer := 100;
    v_of record;
    v_ids uuid[];
    v_erased integer;
BEGIN
    FOR v_of IN SELECT * FROM public.dependents_of(p_table) AS d WHERE d.part = p_part OR p_part IS NULL LOOP
        LOOP
            IF v_of.has_dependents AND NOT v_of.is_set_null AND p_depth < 5 THEN
                EXECUTE format(
                    'SELECT array_agg(id) FROM (SELECT d.id FROM public.%I AS d WHERE d.%I = ANY ($1) LIMIT $2) AS next',
                    v_of.dependent, v_of.key_column) INTO v_ids USING p_ids, v_most;
                EXIT WHEN v_ids IS NULL;
                IF NOT public.erase_rows(v_of.dependent, v_ids, p_until, p_depth => p_depth + 1) THEN
                    RETURN false;
                END IF;
            ELSE
                EXECUTE format(
                    CASE WHEN v_of.is_set_null THEN 'UPDATE public.%1$I SET %2$I = NULL' ELSE 'DELETE FROM public.%1$I' END
                    || ' WHERE id IN (
                        SELECT d.id FROM public.%1$I AS d WHERE d.%2$I = ANY ($1) LIMIT $2 FOR UPDATE SKIP LOCKED)',
                    v_of.dependent, v_of.key_column) USING p_ids, v_most;
                GET DIAGNOSTICS v_erased = ROW_COUNT;
                -- What others add meanwhile is few rows; they must not keep this from the next table.
                EXIT WHEN v_erased < v_most;
            END IF;
            IF clock_timestamp() >= p_until THEN
                RETURN false;
            END IF;
        END LOOP;
    END LOOP;
    IF p_part IS NULL THEN
        EXECUTE format('DELETE FROM public.%I WHERE id = ANY ($1)', p_table) USING p_ids;
    END IF;
    RETURN true;
END;
$$;

COMMENT ON FUNCTION public.erase_rows(text, uuid[], timestamptz, integer, integer) IS
    'Of erase_row: deletes what depends on rows, then these; false if the time ran out before. With p_part, it deletes only '
    'what depends on them by that foreign key.';


-- A deletion that waits could be part of a deadlock, and others would wait for what it holds. This one gives up after
-- lock_timeout, which is far below deadlock_timeout, and is repeated.
CREATE FUNCTION public.erase_some(p_table text, p_id uuid, p_part integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
    -- Not earlier: all its posts would leave the trends in one transaction.
    IF p_table = 'users' AND p_part IS NULL THEN
        UPDATE public.users SET deleted_at = now() WHERE id = p_id AND deleted_at IS NULL;
        IF FOUND THEN
            RETURN false;
        END IF;
    END IF;
    RETURN public.erase_rows(p_table, ARRAY[p_id], clock_timestamp() + interval '25 milliseconds', p_part);
EXCEPTION
    WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
        RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.erase_some(text, uuid, integer) IS
    'Of erase_row: deletes some of what depends on a row by one of its foreign keys or, without p_part, by any, and at last '
    'the row. True: nothing is left; false: there is more; NULL: another transaction has locked what is next, and nothing '
    'was deleted.';


-- A procedure that commits may not set a search_path, so it uses no operator. The last part, NULL, is what was added
-- meanwhile, and the row itself.
CREATE PROCEDURE public.erase_row(p_table text, p_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    v_parts constant integer[] := (SELECT pg_catalog.array_agg(d.part) FROM public.dependents_of(p_table) AS d);
    v_part integer;
    v_is_erased boolean;
BEGIN
    FOREACH v_part IN ARRAY pg_catalog.array_append(v_parts, NULL) LOOP
        <<steps>>
        LOOP
            FOR v_attempt IN 1..500 LOOP
                v_is_erased := public.erase_some(p_table, p_id, v_part);
                COMMIT;
                EXIT steps WHEN v_is_erased;
                CONTINUE steps WHEN v_is_erased IS NOT NULL;
                PERFORM pg_catalog.pg_sleep(0.02);
            END LOOP;
            RAISE lock_not_available USING
                MESSAGE = pg_catalog.format('other transactions keep rows of "%s" %s locked', p_table, p_id),
                HINT = 'What is erased stays erased. End those transactions, and call it again for the rest.';
        END LOOP;
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE public.erase_row(text, uuid) IS
    'Deletes a row and all that depends on it, in many transactions of some hundredths of a second, so that other sessions '
    'hardly wait and never deadlock. If it is interrupted, call it again. Arguments: the table and the id. Call it outside a '
    'transaction.';


CREATE PROCEDURE public.erase_user(p_user_id uuid)
LANGUAGE plpgsql AS $$
BEGIN
    CALL public.erase_row('users', p_user_id);
END;
$$;

COMMENT ON PROCEDURE public.erase_user(uuid) IS
    'Erases an account and all that it has created, as erase_row does. Counts are exact after each of its transactions. '
    'Set deleted_at before, to hide the account meanwhile.';


-- Accounts ----------------------------------------------------------------------------------------

-- Its id is shown with the account, so it must not reveal when the account was created: version 4.
CREATE TABLE public.users (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    email       text        NOT NULL,
    username    text        NOT NULL,
    full_name   text,
    bio         text,
    avatar      text,
    website     text,
    is_private  boolean     NOT NULL DEFAULT false,
    is_verified boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    is_public   boolean     NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL AND NOT is_private) STORED,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_format_check CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CONSTRAINT users_username_length_check CHECK (char_length(username) BETWEEN 3 AND 30),
    CONSTRAINT users_username_format_check CHECK (username !~ '[[:space:]@/]')
);

-- Case does not make another address or name, and a deleted account frees its own.
CREATE UNIQUE INDEX users_email_key ON public.users (lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_key ON public.users (lower(username)) WHERE deleted_at IS NULL;

-- An update of a column that a unique index contains locks its row as a deletion does, so it waits for each transaction that
-- has just referred to the row, and keeps others from doing so: a transaction that writes a row of an account knows
-- until its end who may see it. Other updates, such as that of last_active_at, neither wait nor keep others waiting.
CREATE UNIQUE INDEX users_visibility_key ON public.users (id, is_private, deleted_at);

COMMENT ON TABLE public.users IS 'An account and its public profile.';
COMMENT ON COLUMN public.users.email IS 'Unique among accounts that are not deleted, whatever the case.';
COMMENT ON COLUMN public.users.username IS 'Normalised; unique as email is.';
COMMENT ON COLUMN public.users.avatar IS 'URL of the profile picture.';
COMMENT ON COLUMN public.users.is_private IS 'Content is shown to accepted followers only.';
COMMENT ON COLUMN public.users.is_verified IS 'Carries the verified badge.';
COMMENT ON COLUMN public.users.deleted_at IS 'Soft delete: the account and everything it created are hidden from all.';
COMMENT ON COLUMN public.users.is_public IS 'Content is shown to everyone who is not blocked, and counts for trends.';


CREATE FUNCTION public.normalize_user_names() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.username := public.normalize_text(NEW.username);
    NEW.full_name := public.normalize_text(NEW.full_name);
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.normalize_user_names() IS
    'Row trigger: stores names normalised, so that names that look the same are the same.';

CREATE TRIGGER normalize_names BEFORE INSERT OR UPDATE OF username, full_name ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.normalize_user_names();

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.users
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();


-- Nothing indexes a count and pages keep some room, so that an update stays within its page (HOT).
CREATE TABLE public.user_stat_slots (
    user_id         uuid    NOT NULL,
    slot            integer NOT NULL,
    post_count      integer NOT NULL DEFAULT 0,
    follower_count  integer NOT NULL DEFAULT 0,
    following_count integer NOT NULL DEFAULT 0,
    CONSTRAINT user_stat_slots_pkey PRIMARY KEY (user_id, slot)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.user_stat_slots IS 'The parts that user_stats adds up; kept by triggers, read through the view.';
COMMENT ON COLUMN public.user_stat_slots.slot IS
    'Distinguishes the rows of one key: concurrent writers each use another row.';


CREATE FUNCTION public.user_counts(p_user_id uuid)
RETURNS TABLE (post_count integer, follower_count integer, following_count integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        coalesce(pg_catalog.sum(s.post_count), 0)::integer, coalesce(pg_catalog.sum(s.follower_count), 0)::integer,
        coalesce(pg_catalog.sum(s.following_count), 0)::integer
    FROM public.user_stat_slots AS s
    WHERE s.user_id = p_user_id
$$;

COMMENT ON FUNCTION public.user_counts(uuid) IS 'The row of user_stats of one user.';


CREATE VIEW public.user_stats AS
SELECT u.id AS user_id, counts.post_count, counts.follower_count, counts.following_count
FROM public.users AS u
CROSS JOIN LATERAL public.user_counts(u.id) AS counts;

COMMENT ON VIEW public.user_stats IS 'Counts of each user, exact whenever they are read.';
COMMENT ON COLUMN public.user_stats.post_count IS 'Posts that are neither deleted nor archived.';
COMMENT ON COLUMN public.user_stats.follower_count IS 'Accepted follows of this user.';
COMMENT ON COLUMN public.user_stats.following_count IS 'Accepted follows by this user.';

SELECT public.keep_slots('users', 'user_stat_slots', 'user_id');


-- Social graph ------------------------------------------------------------------------------------

CREATE TABLE public.follows (
    id           uuid        NOT NULL DEFAULT public.uuid_v7(),
    follower_id  uuid        NOT NULL,
    following_id uuid        NOT NULL,
    accepted_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT follows_pkey PRIMARY KEY (id),
    CONSTRAINT follows_follower_id_following_id_key UNIQUE (follower_id, following_id),
    CONSTRAINT follows_follower_id_fkey FOREIGN KEY (follower_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT follows_following_id_fkey
        FOREIGN KEY (following_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT follows_no_self_check CHECK (follower_id <> following_id)
);

-- Whom a user follows, newest first; read by the feed and the suggestions without touching the table.
CREATE INDEX follows_follower_id_accepted_at_idx
    ON public.follows (follower_id, accepted_at DESC, following_id) WHERE accepted_at IS NOT NULL;

-- Followers, newest first; requests that wait for an answer sort before them.
CREATE INDEX follows_following_id_accepted_at_idx ON public.follows (following_id, accepted_at DESC, follower_id);

COMMENT ON TABLE public.follows IS 'Who follows whom, or has asked to.';
COMMENT ON COLUMN public.follows.follower_id IS 'The user who follows.';
COMMENT ON COLUMN public.follows.following_id IS 'The user who is followed.';
COMMENT ON COLUMN public.follows.accepted_at IS
    'NULL while a private account has not accepted: such a follow shows nothing and counts nowhere.';

SELECT public.keep_counts('follows', 'user_stat_slots', 'user_id',
    'following_count', 'follower_id', '(it.accepted_at IS NOT NULL)::integer',
    'follower_count', 'following_id', '(it.accepted_at IS NOT NULL)::integer');


CREATE FUNCTION public.accept_follow_of_public_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.accepted_at IS NULL THEN
        -- The lock waits for an account that is just turning public, which would not see this request.
        PERFORM FROM public.users AS u WHERE u.id = NEW.following_id AND u.is_private FOR KEY SHARE;
        IF NOT FOUND THEN
            NEW.accepted_at := now();
        END IF;
    END IF;
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.accept_follow_of_public_account() IS
    'Row trigger: a follow of a public account is accepted at once, and stays so.';

CREATE TRIGGER accept_follow BEFORE INSERT OR UPDATE OF following_id, accepted_at ON public.follows
    FOR EACH ROW EXECUTE FUNCTION public.accept_follow_of_public_account();


-- Once an account is public, no one would answer its open requests.
CREATE FUNCTION public.accept_pending_follows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.require_read_committed('an account that turns public');
    UPDATE public.follows SET accepted_at = now() WHERE following_id = NEW.id AND accepted_at IS NULL;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.accept_pending_follows() IS
    'Row trigger: accepts the waiting follow requests of an account that turns public.';

REVOKE ALL ON FUNCTION public.accept_pending_follows() FROM PUBLIC;

CREATE TRIGGER accept_pending_follows AFTER UPDATE OF is_private ON public.users
    FOR EACH ROW WHEN (OLD.is_private AND NOT NEW.is_private)
    EXECUTE FUNCTION public.accept_pending_follows();


CREATE TABLE public.blocks (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    blocker_id uuid        NOT NULL,
    blocked_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT blocks_pkey PRIMARY KEY (id),
    CONSTRAINT blocks_blocker_id_blocked_id_key UNIQUE (blocker_id, blocked_id),
    CONSTRAINT blocks_blocker_id_fkey FOREIGN KEY (blocker_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT blocks_blocked_id_fkey FOREIGN KEY (blocked_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT blocks_no_self_check CHECK (blocker_id <> blocked_id)
);

CREATE INDEX blocks_blocked_id_blocker_id_idx ON public.blocks (blocked_id, blocker_id);

COMMENT ON TABLE public.blocks IS 'Who has blocked whom: each is hidden from the other.';


-- Posts -------------------------------------------------------------------------------------------

CREATE TABLE public.posts (
    id                uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id           uuid        NOT NULL,
    caption           text,
    location          text,
    is_archived       boolean     NOT NULL DEFAULT false,
    comments_disabled boolean     NOT NULL DEFAULT false,
    likes_disabled    boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    is_live           boolean     NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL AND NOT is_archived) STORED,
    CONSTRAINT posts_pkey PRIMARY KEY (id),
    CONSTRAINT posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

-- The posts of one author, newest first, live or not, from the index alone.
CREATE INDEX posts_user_id_created_at_idx ON public.posts (user_id, created_at DESC, id DESC) INCLUDE (is_live);

-- The newest posts of all accounts, for trends.
CREATE INDEX posts_created_at_idx ON public.posts (created_at DESC) WHERE is_live;

COMMENT ON TABLE public.posts IS 'A post; its pictures and videos are in post_media.';
COMMENT ON COLUMN public.posts.user_id IS 'The author.';
COMMENT ON COLUMN public.posts.is_archived IS 'Archived by the author: hidden from all, counted nowhere.';
COMMENT ON COLUMN public.posts.is_live IS
    'Neither deleted nor archived: the one definition of a post that is shown and counted.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.posts
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.posts
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();

CREATE TRIGGER posts_author_not_deleted_check AFTER INSERT ON public.posts REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_deleted_authors();

SELECT public.keep_counts('posts', 'user_stat_slots', 'user_id', 'post_count', 'user_id', 'it.is_live::integer');


CREATE TABLE public.post_media (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    post_id       uuid        NOT NULL,
    media_url     text        NOT NULL,
    media_type    text        NOT NULL,
    thumbnail_url text,
    width         integer,
    height        integer,
    file_size     bigint,
    duration      integer,
    display_order integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT post_media_pkey PRIMARY KEY (id),
    CONSTRAINT post_media_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_media_media_type_check CHECK (media_type IN ('image', 'video')),
    CONSTRAINT post_media_dimensions_check CHECK (width > 0 AND height > 0),
    CONSTRAINT post_media_file_size_check CHECK (file_size >= 0),
    CONSTRAINT post_media_duration_check CHECK (duration >= 0),
    CONSTRAINT post_media_display_order_check CHECK (display_order >= 0)
);

CREATE INDEX post_media_post_id_display_order_idx ON public.post_media (post_id, display_order);

COMMENT ON TABLE public.post_media IS 'The pictures and videos of a post, in their order.';
COMMENT ON COLUMN public.post_media.width IS 'Pixels.';
COMMENT ON COLUMN public.post_media.height IS 'Pixels.';
COMMENT ON COLUMN public.post_media.file_size IS 'Bytes.';
COMMENT ON COLUMN public.post_media.duration IS 'Seconds, of a video.';
COMMENT ON COLUMN public.post_media.display_order IS 'Position in the carousel, from 0.';


CREATE TABLE public.post_stat_slots (
    post_id       uuid    NOT NULL,
    slot          integer NOT NULL,
    like_count    integer NOT NULL DEFAULT 0,
    comment_count integer NOT NULL DEFAULT 0,
    CONSTRAINT post_stat_slots_pkey PRIMARY KEY (post_id, slot)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.post_stat_slots IS 'The parts that post_stats adds up; kept by triggers, read through the view.';
COMMENT ON COLUMN public.post_stat_slots.slot IS
    'Distinguishes the rows of one key: concurrent writers each use another row.';


CREATE FUNCTION public.post_counts(p_post_id uuid) RETURNS TABLE (like_count integer, comment_count integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.sum(s.like_count), 0)::integer, coalesce(pg_catalog.sum(s.comment_count), 0)::integer
    FROM public.post_stat_slots AS s
    WHERE s.post_id = p_post_id
$$;

COMMENT ON FUNCTION public.post_counts(uuid) IS 'The row of post_stats of one post.';


CREATE VIEW public.post_stats AS
SELECT p.id AS post_id, counts.like_count, counts.comment_count
FROM public.posts AS p
CROSS JOIN LATERAL public.post_counts(p.id) AS counts;

COMMENT ON VIEW public.post_stats IS 'Counts of each post, exact whenever they are read.';
COMMENT ON COLUMN public.post_stats.comment_count IS 'Comments and replies that are not deleted.';

SELECT public.keep_slots('posts', 'post_stat_slots', 'post_id');


CREATE TABLE public.likes (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT likes_pkey PRIMARY KEY (id),
    CONSTRAINT likes_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT likes_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX likes_user_id_created_at_idx ON public.likes (user_id, created_at DESC);

COMMENT ON TABLE public.likes IS 'Who likes which post.';

SELECT public.keep_counts('likes', 'post_stat_slots', 'post_id', 'like_count', 'post_id', '1');


CREATE TABLE public.comments (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    parent_id  uuid,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT comments_pkey PRIMARY KEY (id),
    CONSTRAINT comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.comments (id) ON DELETE CASCADE,
    CONSTRAINT comments_no_self_parent_check CHECK (parent_id <> id),
    CONSTRAINT comments_content_check CHECK (btrim(content) <> '')
);

CREATE INDEX comments_post_id_created_at_idx ON public.comments (post_id, created_at DESC, id DESC);
CREATE INDEX comments_parent_id_created_at_idx ON public.comments (parent_id, created_at, id);
CREATE INDEX comments_user_id_idx ON public.comments (user_id);

COMMENT ON TABLE public.comments IS 'Comments on posts, and replies to them.';
COMMENT ON COLUMN public.comments.parent_id IS 'The comment that this one replies to; NULL: it comments on the post.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.comments
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER comments_author_not_deleted_check AFTER INSERT ON public.comments REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_deleted_authors();

SELECT public.keep_counts('comments', 'post_stat_slots', 'post_id',
    'comment_count', 'post_id', '(it.deleted_at IS NULL)::integer');


CREATE FUNCTION public.refuse_misplaced_comments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.posts AS p WHERE p.id = NEW.post_id AND p.comments_disabled) THEN
        RAISE check_violation USING
            MESSAGE = 'the author of the post has disabled comments',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'comments_post_id_check';
    END IF;
    IF NEW.parent_id IS NOT NULL AND EXISTS (
        SELECT FROM public.comments AS c WHERE c.id = NEW.parent_id AND c.post_id <> NEW.post_id) THEN
        RAISE check_violation USING
            MESSAGE = 'a reply belongs to the post of the comment that it replies to',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'comments_parent_id_check';
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.refuse_misplaced_comments() IS
    'Row trigger: refuses comments where they are disabled, and replies to comments of another post.';

REVOKE ALL ON FUNCTION public.refuse_misplaced_comments() FROM PUBLIC;

CREATE TRIGGER refuse_misplaced AFTER INSERT OR UPDATE OF post_id, parent_id ON public.comments
    FOR EACH ROW EXECUTE FUNCTION public.refuse_misplaced_comments();


CREATE TABLE public.comment_stat_slots (
    comment_id  uuid    NOT NULL,
    slot        integer NOT NULL,
    like_count  integer NOT NULL DEFAULT 0,
    reply_count integer NOT NULL DEFAULT 0,
    CONSTRAINT comment_stat_slots_pkey PRIMARY KEY (comment_id, slot)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.comment_stat_slots IS
    'The parts that comment_stats adds up; kept by triggers, read through the view.';
COMMENT ON COLUMN public.comment_stat_slots.slot IS
    'Distinguishes the rows of one key: concurrent writers each use another row.';


CREATE FUNCTION public.comment_counts(p_comment_id uuid) RETURNS TABLE (like_count integer, reply_count integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.sum(s.like_count), 0)::integer, coalesce(pg_catalog.sum(s.reply_count), 0)::integer
    FROM public.comment_stat_slots AS s
    WHERE s.comment_id = p_comment_id
$$;

COMMENT ON FUNCTION public.comment_counts(uuid) IS 'The row of comment_stats of one comment.';


CREATE VIEW public.comment_stats AS
SELECT c.id AS comment_id, counts.like_count, counts.reply_count
FROM public.comments AS c
CROSS JOIN LATERAL public.comment_counts(c.id) AS counts;

COMMENT ON VIEW public.comment_stats IS 'Counts of each comment, exact whenever they are read.';
COMMENT ON COLUMN public.comment_stats.reply_count IS 'Replies to it that are not deleted.';

SELECT public.keep_slots('comments', 'comment_stat_slots', 'comment_id');

SELECT public.keep_counts('comments', 'comment_stat_slots', 'comment_id',
    'reply_count', 'parent_id', '(it.deleted_at IS NULL)::integer');


CREATE TABLE public.comment_likes (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    comment_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT comment_likes_pkey PRIMARY KEY (id),
    CONSTRAINT comment_likes_comment_id_user_id_key UNIQUE (comment_id, user_id),
    CONSTRAINT comment_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT comment_likes_comment_id_fkey
        FOREIGN KEY (comment_id) REFERENCES public.comments (id) ON DELETE CASCADE
);

CREATE INDEX comment_likes_user_id_idx ON public.comment_likes (user_id);

COMMENT ON TABLE public.comment_likes IS 'Who likes which comment.';

SELECT public.keep_counts('comment_likes', 'comment_stat_slots', 'comment_id', 'like_count', 'comment_id', '1');


CREATE TABLE public.saved_posts (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saved_posts_pkey PRIMARY KEY (id),
    CONSTRAINT saved_posts_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT saved_posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT saved_posts_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX saved_posts_user_id_created_at_idx ON public.saved_posts (user_id, created_at DESC);

COMMENT ON TABLE public.saved_posts IS 'Posts that a user keeps for later, seen by that user only.';


-- Hashtags and mentions ---------------------------------------------------------------------------

CREATE TABLE public.hashtags (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    name       text        NOT NULL,
    post_count integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hashtags_pkey PRIMARY KEY (id),
    CONSTRAINT hashtags_name_key UNIQUE (name),
    CONSTRAINT hashtags_name_check CHECK (name ~ '^[^#[:space:]]+$'),
    CONSTRAINT hashtags_post_count_check CHECK (post_count >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE public.hashtags IS 'Hashtags that posts carry.';
COMMENT ON COLUMN public.hashtags.name IS 'Normalised, in lower case, without the #.';
COMMENT ON COLUMN public.hashtags.updated_at IS 'When its name was changed; a count does not change it.';
COMMENT ON COLUMN public.hashtags.post_count IS
    'Posts that carry it and are neither deleted nor archived; kept by triggers.';


CREATE FUNCTION public.normalize_hashtag_name() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.name := ltrim(public.search_text(NEW.name), '#');
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.normalize_hashtag_name() IS
    'Row trigger: stores a hashtag normalised and in lower case, without its #, so that one tag has one row.';

CREATE TRIGGER normalize_name BEFORE INSERT OR UPDATE OF name ON public.hashtags
    FOR EACH ROW EXECUTE FUNCTION public.normalize_hashtag_name();

-- Not when its posts are counted.
CREATE TRIGGER set_updated_at BEFORE UPDATE OF name ON public.hashtags
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.hashtags
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();


CREATE TABLE public.post_hashtags (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    post_id    uuid        NOT NULL,
    hashtag_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT post_hashtags_pkey PRIMARY KEY (id),
    CONSTRAINT post_hashtags_post_id_hashtag_id_key UNIQUE (post_id, hashtag_id),
    CONSTRAINT post_hashtags_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_hashtags_hashtag_id_fkey
        FOREIGN KEY (hashtag_id) REFERENCES public.hashtags (id) ON DELETE CASCADE
);

CREATE INDEX post_hashtags_hashtag_id_created_at_idx ON public.post_hashtags (hashtag_id, created_at DESC);

COMMENT ON TABLE public.post_hashtags IS
    'Which post carries which hashtag; written by the app, which reads the caption.';

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.post_hashtags
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();


CREATE FUNCTION public.keep_counts_of_links(
    p_links text, p_counter text, p_key_column text, p_count_column text, p_link_column text, p_value text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_function constant text := format('move_%s_in_%s', p_links, p_counter);
    v_place constant text := public.place_in_order(p_counter);
    v_type constant text := (
        SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
        WHERE a.attrelid = format('public.%I', p_counter)::regclass AND a.attname = p_count_column);
    -- Of each version of a post, sign says whether its links join the count or leave it.
    v_changes constant text := format(
        'SELECT it.%2$I, post.sign * (%3$s) FROM (%%s OFFSET 0) AS post
         CROSS JOIN LATERAL (SELECT * FROM public.%1$I AS l WHERE l.post_id = post.id OFFSET 0) AS it',
        p_links, p_link_column, p_value);
    -- What the author decides must not change before it is counted.
    v_lock_authors constant text := CASE WHEN p_value LIKE '%post.user_id%' THEN public.sql_lock_authors('%s') ELSE '' END;
BEGIN
    PERFORM public.keep_counts(p_links, p_counter, p_key_column, p_count_column, p_link_column,
        format('(SELECT %s FROM public.posts AS post WHERE post.id = it.post_id)', p_value));

    EXECUTE format(
        $function$
        CREATE FUNCTION public.%1$I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
        DECLARE
            v_keys uuid[];
            v_%2$s %3$s[];
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF EXISTS (
                    SELECT id, is_live, user_id, created_at FROM new_rows
                    EXCEPT SELECT id, is_live, user_id, created_at FROM old_rows) THEN
                    PERFORM public.require_read_committed('a post that is hidden, shown or moved');
                    %7$s
                    %4$s
                END IF;
            ELSIF OLD.id = (SELECT o.id FROM old_rows AS o LIMIT 1) THEN
                %8$s
                %5$s
            END IF;
            IF v_keys IS NOT NULL THEN
                %6$s
            END IF;
            RETURN NULL;
        END;
        $body$
        $function$,
        v_function, p_count_column, v_type,
        public.sum_of_changes(ARRAY[p_count_column], ARRAY[v_type], format(v_changes,
            'SELECT id, is_live, user_id, created_at, sum(sign)::integer AS sign
             FROM (
                 SELECT id, is_live, user_id, created_at, 1 AS sign FROM new_rows
                 UNION ALL
                 SELECT id, is_live, user_id, created_at, -1 FROM old_rows) AS versions
             GROUP BY id, is_live, user_id, created_at
             HAVING sum(sign) <> 0')),
        public.sum_of_changes(ARRAY[p_count_column], ARRAY[v_type], format(v_changes,
            'SELECT id, is_live, user_id, created_at, -1 AS sign FROM old_rows')),
        public.sql_add_in_place(p_counter, p_key_column, ARRAY[p_count_column]),
        format(v_lock_authors, '(SELECT user_id FROM new_rows UNION ALL SELECT user_id FROM old_rows)'),
        format(v_lock_authors, 'old_rows'));
    EXECUTE format('REVOKE ALL ON FUNCTION public.%I() FROM PUBLIC', v_function);
    EXECUTE format('COMMENT ON FUNCTION public.%I() IS %L', v_function, format(
        'Trigger on posts: keeps %s of %s as posts are deleted, archived or restored. '
        'Made by keep_counts_of_links.', p_count_column, p_counter));
    EXECUTE format(
        'CREATE TRIGGER %I AFTER UPDATE ON public.posts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
         FOR EACH STATEMENT EXECUTE FUNCTION public.%I()', format('move_%s_in_%s', p_links, v_place), v_function);

    -- It needs the posts, which a statement trigger on the links no longer finds, and the links, which a statement trigger
    -- on the posts no longer finds. So it is a row trigger that runs before the cascades, whose names begin with RI_; for
    -- the first row it counts for all rows of the statement.
    EXECUTE format(
        'CREATE TRIGGER %I AFTER DELETE ON public.posts REFERENCING OLD TABLE AS old_rows
         FOR EACH ROW EXECUTE FUNCTION public.%I()', format('Before_RI_move_%s_in_%s', p_links, v_place), v_function);
END;
$$;

COMMENT ON FUNCTION public.keep_counts_of_links(text, text, text, text, text, text) IS
    'For migrations: as keep_counts, for rows that link posts to what is counted: how much a link adds depends on its '
    'post. Arguments: link table, counter table, its key column, the count, the link''s column that holds the key, and '
    'an expression of post and it (the link).';


CREATE FUNCTION public.sql_lock_authors(p_posts text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        'PERFORM FROM (SELECT DISTINCT post.user_id FROM %s AS post ORDER BY post.user_id OFFSET 0) AS author
         CROSS JOIN LATERAL (SELECT FROM public.users AS u WHERE u.id = author.user_id FOR KEY SHARE) AS locked;', p_posts)
$$;

COMMENT ON FUNCTION public.sql_lock_authors(text) IS
    'Of keep_counts_of_links: the statement that keeps who may see the authors of some posts as it is.';


-- The locks keep a post from being deleted or restored, and its author from turning private, after they are read and
-- before the post is counted. Triggers of one event fire in the order of their names: first_lock_posts_on_… fires before
-- those that count. What is deleted together with that which counts it needs no lock, and must not wait for one: another
-- session may hold the post and wait.
CREATE FUNCTION public.lock_posts_of_links(p_links text, p_link_column text, p_with_authors boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_function constant text := 'lock_posts_of_' || p_links;
    v_counted constant text := (
        SELECT f.confrelid::regclass::text FROM pg_constraint AS f
        JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = ALL (f.conkey)
        WHERE f.contype = 'f' AND f.conrelid = format('public.%I', p_links)::regclass AND a.attname = p_link_column);
    v_statements text[];
    v_event text;
    v_rows text;
BEGIN
    SELECT array_agg(
        format(
            'PERFORM FROM (SELECT DISTINCT it.post_id FROM %s ORDER BY it.post_id OFFSET 0) AS link
             CROSS JOIN LATERAL (SELECT FROM public.posts AS p WHERE p.id = link.post_id FOR SHARE) AS locked;', links)
        || CASE WHEN p_with_authors THEN public.sql_lock_authors(format(
            '(SELECT p.user_id FROM %s
              CROSS JOIN LATERAL (SELECT p.user_id FROM public.posts AS p WHERE p.id = it.post_id OFFSET 0) AS p)', links))
        ELSE '' END ORDER BY n)
    INTO v_statements
    FROM unnest(ARRAY[
        'new_rows AS it',
        format('old_rows AS it CROSS JOIN LATERAL (SELECT FROM %s AS c WHERE c.id = it.%I OFFSET 0) AS counted',
            v_counted, p_link_column),
        '(SELECT post_id FROM new_rows UNION ALL SELECT post_id FROM old_rows) AS it']) WITH ORDINALITY AS l (links, n);
    EXECUTE format(
        $function$
        CREATE FUNCTION public.%I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                %s
            ELSIF TG_OP = 'DELETE' THEN
                %s
            ELSE
                %s
            END IF;
            RETURN NULL;
        END;
        $body$
        $function$,
        v_function, v_statements[1], v_statements[2], v_statements[3]);
    EXECUTE format('REVOKE ALL ON FUNCTION public.%I() FROM PUBLIC', v_function);
    EXECUTE format('COMMENT ON FUNCTION public.%I() IS %L', v_function, format(
        'Statement trigger on %s: keeps their posts%s as they are until the end of the transaction. '
        'Made by lock_posts_of_links.', p_links, CASE WHEN p_with_authors THEN ' and the authors' ELSE '' END));
    FOR v_event, v_rows IN VALUES
        ('insert', 'REFERENCING NEW TABLE AS new_rows'),
        ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('delete', 'REFERENCING OLD TABLE AS old_rows')
    LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON public.%I %s FOR EACH STATEMENT EXECUTE FUNCTION public.%I()',
            'first_lock_posts_on_' || v_event, v_event, p_links, v_rows, v_function);
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.lock_posts_of_links(text, text, boolean) IS
    'For migrations: creates the triggers, and their function, that lock the posts of changed links. Arguments: link table, '
    'its column that holds the key of what counts, whether the count depends on the author too.';

SELECT public.lock_posts_of_links('post_hashtags', 'hashtag_id', p_with_authors => true);

SELECT public.keep_counts_of_links('post_hashtags', 'hashtags', 'id', 'post_count', 'hashtag_id',
    'post.is_live::integer');


CREATE TABLE public.hashtag_trends (
    hashtag_id uuid             NOT NULL,
    score      double precision NOT NULL DEFAULT 0,
    CONSTRAINT hashtag_trends_pkey PRIMARY KEY (hashtag_id)
) WITH (fillfactor = 80);

CREATE INDEX hashtag_trends_score_idx ON public.hashtag_trends (score DESC, hashtag_id);

COMMENT ON TABLE public.hashtag_trends IS
    'How much hashtags trend, in the order of the index; kept by triggers, without a foreign key as slots are.';
COMMENT ON COLUMN public.hashtag_trends.score IS
    'Sum of trend_weight over the live posts of public accounts that carry it, each at its time.';


-- Born with their hashtag, so that keeping them only has to update.
CREATE FUNCTION public.add_trends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO public.%I (%I) SELECT id FROM new_rows', TG_ARGV[0], TG_ARGV[1]);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.add_trends() IS
    'Statement trigger: gives each new row its row in a table of trends. Arguments: that table, its key column.';

REVOKE ALL ON FUNCTION public.add_trends() FROM PUBLIC;

CREATE TRIGGER add_hashtag_trends AFTER INSERT ON public.hashtags REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_trends('hashtag_trends', 'hashtag_id');

SELECT public.keep_slots('hashtags', 'hashtag_trends', 'hashtag_id');


CREATE FUNCTION public.weight_of_post(p_is_live boolean, p_user_id uuid, p_at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN p_is_live AND EXISTS (SELECT FROM public.users AS u WHERE u.id = p_user_id AND u.is_public)
            THEN public.trend_weight(p_at)
        ELSE 0
    END
$$;

COMMENT ON FUNCTION public.weight_of_post(boolean, uuid, timestamptz) IS
    'What a post adds to a trend: nothing unless everyone may see it.';

-- A post that is dated later than it was tagged counts as one of that moment.
SELECT public.keep_counts_of_links('post_hashtags', 'hashtag_trends', 'hashtag_id', 'score', 'hashtag_id',
    'public.weight_of_post(post.is_live, post.user_id, least(post.created_at, it.created_at))');


CREATE FUNCTION public.move_trends_of_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_keys uuid[];
    v_score double precision[];
BEGIN
    IF NOT EXISTS (SELECT id, is_public FROM new_rows EXCEPT SELECT id, is_public FROM old_rows) THEN
        RETURN NULL;
    END IF;
    PERFORM public.require_read_committed('an account that is hidden or shown');
    SELECT array_agg(change.hashtag_id ORDER BY change.hashtag_id), array_agg(change.score ORDER BY change.hashtag_id)
    INTO v_keys, v_score
    FROM (
        SELECT link.hashtag_id, sum(account.sign * public.trend_weight(least(p.created_at, link.created_at))) AS score
        FROM (
            SELECT versions.id, sum(versions.sign) AS sign
            FROM (
                SELECT n.id, 1 AS sign FROM new_rows AS n WHERE n.is_public
                UNION ALL
                SELECT o.id, -1 FROM old_rows AS o WHERE o.is_public) AS versions
            GROUP BY versions.id
            HAVING sum(versions.sign) <> 0
            OFFSET 0) AS account
        CROSS JOIN LATERAL (
            SELECT p.id, p.created_at FROM public.posts AS p WHERE p.user_id = account.id AND p.is_live OFFSET 0) AS p
        CROSS JOIN LATERAL (
            SELECT l.hashtag_id, l.created_at FROM public.post_hashtags AS l WHERE l.post_id = p.id OFFSET 0) AS link
        GROUP BY link.hashtag_id) AS change;
    IF v_keys IS NOT NULL THEN
        PERFORM FROM unnest(v_keys) AS change (hashtag_id)
        CROSS JOIN LATERAL (
            SELECT FROM public.hashtag_trends AS t WHERE t.hashtag_id = change.hashtag_id FOR NO KEY UPDATE) AS locked;
        UPDATE public.hashtag_trends AS t SET score = t.score + change.score
        FROM unnest(v_keys, v_score) AS change (hashtag_id, score) WHERE t.hashtag_id = change.hashtag_id;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.move_trends_of_users() IS
    'Statement trigger on users: the posts of an account that turns private, is deleted or comes back leave or join '
    'the trends of their hashtags.';

REVOKE ALL ON FUNCTION public.move_trends_of_users() FROM PUBLIC;

CREATE TRIGGER move_trends AFTER UPDATE ON public.users
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.move_trends_of_users();

-- While the row of their author still exists.
CREATE TRIGGER delete_posts_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('posts', 'user_id');


CREATE TABLE public.user_mentions (
    id                uuid        NOT NULL DEFAULT public.uuid_v7(),
    post_id           uuid,
    comment_id        uuid,
    mentioned_user_id uuid        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_mentions_pkey PRIMARY KEY (id),
    CONSTRAINT user_mentions_post_id_mentioned_user_id_key UNIQUE (post_id, mentioned_user_id),
    CONSTRAINT user_mentions_comment_id_mentioned_user_id_key UNIQUE (comment_id, mentioned_user_id),
    CONSTRAINT user_mentions_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_comment_id_fkey
        FOREIGN KEY (comment_id) REFERENCES public.comments (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_mentioned_user_id_fkey
        FOREIGN KEY (mentioned_user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_one_source_check CHECK (num_nonnulls(post_id, comment_id) = 1)
);

CREATE INDEX user_mentions_mentioned_user_id_created_at_idx
    ON public.user_mentions (mentioned_user_id, created_at DESC);

COMMENT ON TABLE public.user_mentions IS 'Who is mentioned in a post or in a comment: in exactly one of the two.';


-- Stories -----------------------------------------------------------------------------------------

CREATE TABLE public.stories (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id       uuid        NOT NULL,
    media_url     text        NOT NULL,
    media_type    text        NOT NULL,
    thumbnail_url text,
    duration      integer     NOT NULL DEFAULT 24,
    view_count    integer     NOT NULL DEFAULT 0,
    expires_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stories_pkey PRIMARY KEY (id),
    CONSTRAINT stories_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT stories_media_type_check CHECK (media_type IN ('image', 'video')),
    CONSTRAINT stories_duration_check CHECK (duration > 0),
    CONSTRAINT stories_view_count_check CHECK (view_count >= 0)
) WITH (fillfactor = 80);

CREATE INDEX stories_user_id_expires_at_idx ON public.stories (user_id, expires_at);
CREATE INDEX stories_expires_at_idx ON public.stories (expires_at);

COMMENT ON TABLE public.stories IS 'A picture or video that is shown for a day.';
COMMENT ON COLUMN public.stories.media_type IS 'image or video; derived from the URL if it is not given.';
COMMENT ON COLUMN public.stories.duration IS 'Hours for which it is shown.';
COMMENT ON COLUMN public.stories.view_count IS 'Users who have viewed it; kept by triggers.';
COMMENT ON COLUMN public.stories.expires_at IS 'created_at plus the duration, where it is not given.';


CREATE FUNCTION public.media_type_of(p_url text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_url ~* '^[^?#]*\.(mp4|m4v|mov|webm|mkv|avi|3gp|ogv|mpe?g|m3u8)([?#]|$)' THEN 'video'
        ELSE 'image'
    END
$$;

COMMENT ON FUNCTION public.media_type_of(text) IS
    'image or video, from the extension of the path of a URL; image if the extension is unknown.';


CREATE FUNCTION public.complete_story() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.media_type := coalesce(NEW.media_type, public.media_type_of(NEW.media_url));
    NEW.expires_at := coalesce(NEW.expires_at, NEW.created_at + make_interval(hours => NEW.duration));
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.complete_story() IS
    'Row trigger: fills in the media type and the end of a story where they are not given.';

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.stories
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();

CREATE TRIGGER complete_story BEFORE INSERT ON public.stories
    FOR EACH ROW EXECUTE FUNCTION public.complete_story();

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.stories
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();

CREATE TRIGGER stories_author_not_deleted_check AFTER INSERT ON public.stories REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_deleted_authors();

CREATE TRIGGER delete_stories_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('stories', 'user_id');


CREATE TABLE public.story_views (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    story_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    viewed_at  timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_views_pkey PRIMARY KEY (id),
    CONSTRAINT story_views_story_id_user_id_key UNIQUE (story_id, user_id),
    CONSTRAINT story_views_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE,
    CONSTRAINT story_views_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX story_views_user_id_idx ON public.story_views (user_id);

COMMENT ON TABLE public.story_views IS 'Who has viewed which story, one row however often.';
COMMENT ON COLUMN public.story_views.viewed_at IS 'The latest view; created_at is the first.';

SELECT public.keep_counts('story_views', 'stories', 'id', 'view_count', 'story_id', '1');


CREATE FUNCTION public.cleanup_expired_stories() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM public.stories
    WHERE id IN (
        SELECT s.id FROM public.stories AS s
        WHERE s.expires_at <= now()
        ORDER BY s.id
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END;
$$;

COMMENT ON FUNCTION public.cleanup_expired_stories() IS
    'Deletes expired stories and returns their number. Readers never show them, so it may run at any time.';


-- Notifications -----------------------------------------------------------------------------------

-- A partition for each month, one for all before these, and one for all after them, so that no row is without one. A
-- DEFAULT partition would do too, but it would have to be scanned for each month that is added, and it rules out
-- DETACH CONCURRENTLY.
CREATE TABLE public.notifications (
    id          uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id     uuid        NOT NULL,
    actor_id    uuid,
    type        text        NOT NULL,
    entity_type text,
    entity_id   uuid,
    message     text,
    is_read     boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notifications_pkey PRIMARY KEY (id, created_at),
    CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT notifications_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT notifications_type_check CHECK (btrim(type) <> '')
) PARTITION BY RANGE (created_at);

CREATE INDEX notifications_user_id_created_at_idx ON public.notifications (user_id, created_at DESC);
CREATE INDEX notifications_actor_id_idx ON public.notifications (actor_id);

-- The badge with the number of unread notifications.
CREATE INDEX notifications_unread_idx ON public.notifications (user_id) WHERE NOT is_read;

COMMENT ON TABLE public.notifications IS
    'What has happened to a user; one partition per month (UTC), made by maintain_partitions.';
COMMENT ON COLUMN public.notifications.user_id IS 'Who is notified.';
COMMENT ON COLUMN public.notifications.actor_id IS 'Who caused it; NULL: the app itself.';
COMMENT ON COLUMN public.notifications.type IS 'What happened: like, comment, follow and so on.';
COMMENT ON COLUMN public.notifications.entity_type IS 'The kind of thing it is about: post, comment, story and so on.';
COMMENT ON COLUMN public.notifications.entity_id IS 'The id of that thing, without a foreign key: the kinds differ.';


CREATE FUNCTION public.partition_bounds(p_parent text)
RETURNS TABLE (partition_name text, lower_bound timestamptz, upper_bound timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
    SELECT
        child.relname, substring(bound.text FROM $re$FROM \('([^']+)'\)$re$)::timestamptz,
        substring(bound.text FROM $re$TO \('([^']+)'\)$re$)::timestamptz
    FROM pg_inherits AS link
    JOIN pg_class AS child ON child.oid = link.inhrelid
    CROSS JOIN LATERAL pg_get_expr(child.relpartbound, child.oid) AS bound (text)
    WHERE link.inhparent = format('public.%I', p_parent)::regclass
    ORDER BY 2 NULLS FIRST
$$;

COMMENT ON FUNCTION public.partition_bounds(text) IS
    'The partitions of a table in the order of time, each with its lower bound (inclusive) and its upper bound '
    '(exclusive); NULL: no bound.';


-- Attached, not created in place: that would take stronger locks. The foreign keys wait for open writers of users.
CREATE FUNCTION public.add_partition(
    p_parent text, p_name text, p_lower timestamptz, p_upper timestamptz, p_is_there boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    IF NOT p_is_there THEN
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', p_name, p_parent);
    END IF;
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)',
        p_parent, p_name, coalesce(quote_literal(p_lower), 'MINVALUE'), coalesce(quote_literal(p_upper), 'MAXVALUE'));
END;
$$;

COMMENT ON FUNCTION public.add_partition(text, text, timestamptz, timestamptz, boolean) IS
    'Of maintain_partitions: creates and attaches a partition, or attaches an existing one. NULL: no bound.';


-- It searches for what is due without a lock, then does it under a lock that blocks readers of the table for some
-- milliseconds. Months are created once a month; rows of the new month exist already only if someone dated them ahead.
CREATE FUNCTION public.maintain_monthly_partitions(p_parent text, p_months_ahead integer, p_keep interval)
RETURNS TABLE (partition_name text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
#variable_conflict use_column
DECLARE
    v_past constant text := p_parent || '_past';
    v_future constant text := p_parent || '_future';
    v_this_month constant timestamptz := date_trunc('month', now());
    v_end constant timestamptz := v_this_month + make_interval(months => p_months_ahead + 1);
    v_keep_from constant timestamptz := now() - p_keep;
    v_kept constant timestamptz := date_trunc('month', v_keep_from);
    v_first timestamptz;
    v_last timestamptz;
    v_has_past boolean;
    v_has_future boolean;
    v_looks integer := 0;
BEGIN
    IF p_keep < interval '0' THEN
        RAISE EXCEPTION 'the time to keep partitions is negative: %', p_keep
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- The second look is under the lock: another session may have done it.
    LOOP
        SELECT
            coalesce(min(b.upper_bound) FILTER (WHERE b.lower_bound IS NULL), min(b.lower_bound)),
            coalesce(max(b.lower_bound) FILTER (WHERE b.upper_bound IS NULL), max(b.upper_bound)),
            coalesce(bool_or(b.partition_name = v_past), false), coalesce(bool_or(b.partition_name = v_future), false)
        INTO v_first, v_last, v_has_past, v_has_future
        FROM public.partition_bounds(p_parent) AS b;
        EXIT WHEN v_has_past AND v_has_future AND v_last >= v_end AND (v_first >= v_kept) IS NOT FALSE;
        v_looks := v_looks + 1;
        EXIT WHEN v_looks = 2;
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', p_parent);
    END LOOP;

    IF v_looks = 2 THEN
        v_first := coalesce(v_first, greatest(v_this_month - interval '1 month', v_kept));
        v_last := coalesce(v_last, v_first);
        IF v_has_future THEN
            EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', p_parent, v_future);
        END IF;
        WHILE v_last < v_end LOOP
            partition_name := p_parent || to_char(v_last, '_YYYY_MM');
            PERFORM public.add_partition(p_parent, partition_name, v_last, v_last + interval '1 month');
            action := 'created';
            RETURN NEXT;
            v_last := v_last + interval '1 month';
        END LOOP;
        IF v_has_future THEN
            EXECUTE format(
                'WITH moved AS (DELETE FROM public.%I WHERE created_at < %L RETURNING *)
                 INSERT INTO public.%I SELECT * FROM moved', v_future, v_last, p_parent);
        END IF;
        PERFORM public.add_partition(p_parent, v_future, v_last, NULL, v_has_future);

        -- Everything before a month that is too old is too old as well.
        IF v_first < v_kept THEN
            FOR partition_name IN
                SELECT b.partition_name FROM public.partition_bounds(p_parent) AS b WHERE b.upper_bound <= v_kept
            LOOP
                EXECUTE format('DROP TABLE public.%I', partition_name);
                CONTINUE WHEN partition_name = v_past;
                action := 'dropped';
                RETURN NEXT;
            END LOOP;
            v_has_past := false;
            v_first := v_kept;
        END IF;
        IF NOT v_has_past THEN
            PERFORM public.add_partition(p_parent, v_past, NULL, v_first);
        END IF;
    END IF;

    IF p_keep IS NOT NULL THEN
        EXECUTE format('DELETE FROM public.%I WHERE created_at < %L', v_past, v_keep_from);
    END IF;
END;
$$;

COMMENT ON FUNCTION public.maintain_monthly_partitions(text, integer, interval) IS
    'The work of maintain_partitions for one table.';


CREATE FUNCTION public.maintain_partitions(p_months_ahead integer DEFAULT 6, p_keep interval DEFAULT NULL)
RETURNS TABLE (partition_name text, action text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT changed.partition_name, changed.action
    FROM unnest(ARRAY['notifications']) AS parent (name)
    CROSS JOIN LATERAL public.maintain_monthly_partitions(parent.name, coalesce(p_months_ahead, 6), p_keep) AS changed
$$;

COMMENT ON FUNCTION public.maintain_partitions(integer, interval) IS
    'Makes the monthly partitions that are missing, from the previous month to some months ahead, and, where a '
    'time to keep is given, drops those that ended before it. Rows of any other time have a partition too, that of the '
    'past or that of the future. Returns what it did; safe to repeat and to run twice at the same time.';

SELECT public.maintain_partitions();


-- Readers -----------------------------------------------------------------------------------------

-- Who may see what is said in three places and nowhere else: reachable_users, visible_users, visible_posts, and
-- later visible_stories and visible_conversations. They are plain queries, which the planner inlines into the
-- readers that join them.

-- Nothing here reads all blocks of a viewer: hundreds of thousands may have blocked a celebrity. Once for a query, the
-- first entry of an index shows whether there are any; if so, each account is checked by its own entry. With NOT EXISTS
-- or NOT IN, the planner would read all of them; IS NULL instead of IS NOT TRUE lets it expect a single account.
CREATE FUNCTION public.reachable_users(p_viewer_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.users AS u
    WHERE u.deleted_at IS NULL
      AND (
          (SELECT true FROM public.blocks AS b WHERE b.blocker_id = p_viewer_id ORDER BY b.blocked_id LIMIT 1)
              IS NOT TRUE
          OR (SELECT true FROM public.blocks AS b WHERE b.blocker_id = p_viewer_id AND b.blocked_id = u.id) IS NOT TRUE)
      AND (
          (SELECT true FROM public.blocks AS b WHERE b.blocked_id = p_viewer_id ORDER BY b.blocker_id LIMIT 1)
              IS NOT TRUE
          OR (SELECT true FROM public.blocks AS b WHERE b.blocked_id = p_viewer_id AND b.blocker_id = u.id) IS NOT TRUE)
$$;

COMMENT ON FUNCTION public.reachable_users(uuid) IS
    'The accounts whose existence a viewer may learn of, by their profile, in a search or by a comment: none that is '
    'deleted or that either has blocked. What a private account has posted is not among it.';


CREATE FUNCTION public.visible_users(p_viewer_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.user_id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.reachable_users(p_viewer_id) AS u
    WHERE NOT u.is_private
       OR u.user_id = p_viewer_id
       OR EXISTS (
           SELECT FROM public.follows AS f
           WHERE f.follower_id = p_viewer_id AND f.following_id = u.user_id AND f.accepted_at IS NOT NULL)
$$;

COMMENT ON FUNCTION public.visible_users(uuid) IS
    'The accounts whose content a viewer may see: those that can be reached, private ones only by their accepted '
    'followers and themselves. For an unknown viewer, or NULL: the public accounts.';


-- For readers of a page in its order: OFFSET 0 keeps each of these a lookup for one row after the other, until the page is
-- full, whatever the planner expects. As a join, all rows could be read first, and sorted.
CREATE FUNCTION public.reachable_user(p_viewer_id uuid, p_user_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT u.user_id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.reachable_users(p_viewer_id) AS u
    WHERE u.user_id = p_user_id
    OFFSET 0
$$;

COMMENT ON FUNCTION public.reachable_user(uuid, uuid) IS 'One of reachable_users, read by its key.';


CREATE FUNCTION public.visible_user(p_viewer_id uuid, p_user_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT u.user_id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.visible_users(p_viewer_id) AS u
    WHERE u.user_id = p_user_id
    OFFSET 0
$$;

COMMENT ON FUNCTION public.visible_user(uuid, uuid) IS 'One of visible_users, read by its key.';


CREATE FUNCTION public.visible_posts(p_viewer_id uuid)
RETURNS TABLE (
    post_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean, caption text,
    location text, created_at timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        p.id, author.user_id, author.username, author.full_name, author.avatar, author.is_verified, p.caption,
        p.location, p.created_at
    FROM public.posts AS p
    JOIN public.visible_users(p_viewer_id) AS author ON author.user_id = p.user_id
    WHERE p.is_live
$$;

COMMENT ON FUNCTION public.visible_posts(uuid) IS 'The posts that a viewer may see, with their authors.';


-- Profiles

CREATE TYPE public.profile AS (
    user_id uuid, username text, full_name text, bio text, avatar text, website text, is_private boolean,
    is_verified boolean, post_count integer, follower_count integer, following_count integer, is_following boolean,
    is_requested boolean, is_follower boolean, can_see_content boolean, created_at timestamptz
);

COMMENT ON TYPE public.profile IS
    'An account as a viewer sees it. is_following and is_requested: the viewer follows it, or has asked to; is_follower: '
    'it follows the viewer; can_see_content: the viewer may see its posts and stories.';


CREATE FUNCTION public.get_profile(p_viewer_id uuid, p_user_id uuid) RETURNS SETOF public.profile
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT
        reachable.user_id, reachable.username, reachable.full_name, u.bio, reachable.avatar, u.website,
        reachable.is_private, reachable.is_verified, counts.post_count, counts.follower_count, counts.following_count,
        follow.accepted_at IS NOT NULL, follow.id IS NOT NULL AND follow.accepted_at IS NULL,
        EXISTS (
            SELECT FROM public.follows AS f
            WHERE f.follower_id = p_user_id AND f.following_id = p_viewer_id AND f.accepted_at IS NOT NULL),
        EXISTS (SELECT FROM public.visible_users(p_viewer_id) AS v WHERE v.user_id = p_user_id),
        u.created_at
    FROM public.reachable_users(p_viewer_id) AS reachable
    JOIN public.users AS u ON u.id = reachable.user_id
    CROSS JOIN LATERAL public.user_counts(reachable.user_id) AS counts
    LEFT JOIN public.follows AS follow ON follow.follower_id = p_viewer_id AND follow.following_id = reachable.user_id
    WHERE reachable.user_id = p_user_id
$$;

COMMENT ON FUNCTION public.get_profile(uuid, uuid) IS
    'One account as a viewer sees it; no row if the viewer may not know of it. A private account shows its profile to '
    'everyone, so that they can request to follow, and its content to accepted followers.';


CREATE FUNCTION public.get_profile_by_username(p_viewer_id uuid, p_username text) RETURNS SETOF public.profile
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT p.*
    FROM public.users AS u
    CROSS JOIN LATERAL public.get_profile(p_viewer_id, u.id) AS p
    WHERE pg_catalog.lower(u.username) = public.search_text(p_username) AND u.deleted_at IS NULL
$$;

COMMENT ON FUNCTION public.get_profile_by_username(uuid, text) IS 'As get_profile, by the name, whatever its case.';


-- Posts

CREATE TYPE public.post_item AS (
    post_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean, caption text,
    location text, media jsonb, like_count integer, comment_count integer, is_liked boolean, is_saved boolean,
    created_at timestamptz
);

COMMENT ON TYPE public.post_item IS
    'A post as a viewer sees it. media: an array of its pictures and videos in their order; is_liked, is_saved: by the '
    'viewer.';


-- OFFSET 0 keeps it a lookup for each post of a page, by the keys, whatever the planner expects of the page.
CREATE FUNCTION public.post_details(p_viewer_id uuid, p_post_id uuid)
RETURNS TABLE (
    caption text, location text, media jsonb, like_count integer, comment_count integer, is_liked boolean,
    is_saved boolean
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT
        p.caption, p.location,
        coalesce((
            SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) - 'post_id'::text ORDER BY m.display_order, m.id)
            FROM public.post_media AS m
            WHERE m.post_id = p.id), '[]'),
        counts.like_count, counts.comment_count,
        EXISTS (SELECT FROM public.likes AS l WHERE l.post_id = p.id AND l.user_id = p_viewer_id),
        EXISTS (SELECT FROM public.saved_posts AS s WHERE s.post_id = p.id AND s.user_id = p_viewer_id)
    FROM public.posts AS p
    CROSS JOIN LATERAL public.post_counts(p.id) AS counts
    WHERE p.id = p_post_id
    OFFSET 0
$$;

COMMENT ON FUNCTION public.post_details(uuid, uuid) IS
    'Of the readers of posts: what a post_item has in addition to its keys and its author. Does not check who may see it.';


CREATE FUNCTION public.get_post(p_viewer_id uuid, p_post_id uuid) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT
        p.post_id, p.user_id, p.username, p.full_name, p.avatar, p.is_verified, p.caption, p.location, d.media,
        d.like_count, d.comment_count, d.is_liked, d.is_saved, p.created_at
    FROM public.visible_posts(p_viewer_id) AS p
    CROSS JOIN LATERAL public.post_details(p_viewer_id, p.post_id) AS d
    WHERE p.post_id = p_post_id
$$;

COMMENT ON FUNCTION public.get_post(uuid, uuid) IS 'One post as a viewer sees it; no row where the viewer may not see it.';


-- The pages that follow each other come in two kinds: by offset, and, at the same cost however deep, from the last
-- row of the page before on (p_before and its id; NULL begins).

-- A time with milliseconds, such as a Date of JavaScript, is another time: a page that starts there would repeat rows or
-- leave some out. A cursor is a text, so no client rounds it.

CREATE FUNCTION public.make_cursor(p_at timestamptz, p_id uuid) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT (pg_catalog.to_jsonb(p_at AT TIME ZONE 'UTC') #>> '{}'::text[]) || '_'::text || p_id::text
$$;

COMMENT ON FUNCTION public.make_cursor(timestamptz, uuid) IS
    'The place of a row in the order of a reader, as a text: its time, to the microsecond, and its id. The next page starts '
    'there, with cursor_at and cursor_id.';


CREATE FUNCTION public.cursor_at(p_cursor text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT pg_catalog.split_part(p_cursor, '_', 1)::timestamp AT TIME ZONE 'UTC'
$$;

COMMENT ON FUNCTION public.cursor_at(text) IS 'The time in a cursor of make_cursor; NULL, where the first page starts, of NULL.';


CREATE FUNCTION public.cursor_id(p_cursor text) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT pg_catalog.split_part(p_cursor, '_', 2)::uuid
$$;

COMMENT ON FUNCTION public.cursor_id(text) IS 'The id in a cursor of make_cursor; NULL of NULL.';


CREATE FUNCTION public.get_user_posts_before(
    p_viewer_id uuid, p_user_id uuid, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.user_id, page.username, page.full_name, page.avatar, page.is_verified, d.caption, d.location,
        d.media, d.like_count, d.comment_count, d.is_liked, d.is_saved, page.created_at
    FROM (
        SELECT p.id, p.created_at, author.*
        FROM public.visible_users(p_viewer_id) AS author
        JOIN public.posts AS p ON p.user_id = author.user_id
        WHERE author.user_id = p_user_id AND p.user_id = p_user_id AND p.is_live
          AND (p.created_at, p.id) < (
              coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY p.created_at DESC, p.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    CROSS JOIN LATERAL public.post_details(p_viewer_id, page.id) AS d
    ORDER BY page.created_at DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.get_user_posts_before(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'The posts of one account as a viewer sees them, newest first, older than the last one of the page before.';


CREATE FUNCTION public.get_user_posts(
    p_viewer_id uuid, p_user_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_user_posts_before(p_viewer_id, p_user_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_user_posts(uuid, uuid, integer, integer) IS
    'The posts of one account as a viewer sees them, newest first.';


-- If the newest post of a followee ranks below the k-th newest, none of their posts is among the first k. So only the
-- posts of k followees are read, however many the viewer follows. Whether a followee is visible is checked in the order of
-- their newest posts until k are found: OFFSET 0 prevents the planner from checking all of them first.
CREATE FUNCTION public.get_user_feed_before(
    p_user_id uuid, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.user_id, page.username, page.full_name, page.avatar, page.is_verified, d.caption, d.location,
        d.media, d.like_count, d.comment_count, d.is_liked, d.is_saved, page.created_at
    FROM (
        SELECT post.id, post.created_at, author.*
        FROM (
            SELECT visible.*
            FROM (
                SELECT f.following_id, newest.created_at, newest.id
                FROM public.follows AS f
                CROSS JOIN LATERAL (
                    SELECT p.created_at, p.id FROM public.posts AS p
                    WHERE p.user_id = f.following_id AND p.is_live
                      AND (p.created_at, p.id) < (
                          coalesce(p_before, 'infinity'),
                          coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                    ORDER BY p.created_at DESC, p.id DESC
                    LIMIT 1) AS newest
                WHERE f.follower_id = p_user_id AND f.accepted_at IS NOT NULL
                ORDER BY newest.created_at DESC, newest.id DESC
                OFFSET 0) AS followee
            CROSS JOIN LATERAL public.visible_user(p_user_id, followee.following_id) AS visible
            ORDER BY followee.created_at DESC, followee.id DESC
            LIMIT greatest(coalesce(p_limit, 20), 0)::bigint + greatest(coalesce(p_offset, 0), 0)) AS author
        CROSS JOIN LATERAL (
            SELECT p.id, p.created_at FROM public.posts AS p
            WHERE p.user_id = author.user_id AND p.is_live
              AND (p.created_at, p.id) < (
                  coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            ORDER BY p.created_at DESC, p.id DESC
            LIMIT greatest(coalesce(p_limit, 20), 0)::bigint + greatest(coalesce(p_offset, 0), 0)) AS post
        ORDER BY post.created_at DESC, post.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    CROSS JOIN LATERAL public.post_details(p_user_id, page.id) AS d
    ORDER BY page.created_at DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.get_user_feed_before(uuid, timestamptz, uuid, integer, integer) IS
    'The home feed, older than the last post of the page before.';


CREATE FUNCTION public.get_user_feed(p_user_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0)
RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_user_feed_before(p_user_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_user_feed(uuid, integer, integer) IS
    'The home feed: live posts of the accounts that a user follows, newest first.';


CREATE TABLE public.feeds (
    id         uuid             NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid             NOT NULL,
    post_id    uuid             NOT NULL,
    score      double precision NOT NULL DEFAULT 0,
    created_at timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT feeds_pkey PRIMARY KEY (id),
    CONSTRAINT feeds_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT feeds_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT feeds_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX feeds_user_id_score_idx ON public.feeds (user_id, score DESC);

COMMENT ON TABLE public.feeds IS 'A cache of feeds, filled by generate_user_feed; get_user_feed does not need it.';
COMMENT ON COLUMN public.feeds.score IS 'Rank within the feed of the user, highest first.';


-- The rank lets a post gain half a day on newer ones for every ten times more likes and comments.
CREATE FUNCTION public.generate_user_feed(p_user_id uuid, p_limit integer DEFAULT 50) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_generated integer;
BEGIN
    -- One session at a time may replace the feed of a user.
    PERFORM FROM public.users AS u WHERE u.id = p_user_id FOR NO KEY UPDATE;
    DELETE FROM public.feeds AS f WHERE f.user_id = p_user_id;
    INSERT INTO public.feeds (user_id, post_id, score)
    SELECT p_user_id, feed.post_id,
        extract(epoch FROM feed.created_at) / 43200 + log(1 + feed.like_count + feed.comment_count)
    FROM public.get_user_feed(p_user_id, coalesce(p_limit, 50)) AS feed;
    GET DIAGNOSTICS v_generated = ROW_COUNT;
    RETURN v_generated;
END;
$$;

COMMENT ON FUNCTION public.generate_user_feed(uuid, integer) IS
    'Replaces the cached feed of one user by the newest posts, ranked by age and engagement; returns their number.';


-- Comments

CREATE TYPE public.comment_item AS (
    comment_id uuid, post_id uuid, parent_id uuid, user_id uuid, username text, full_name text, avatar text,
    is_verified boolean, content text, like_count integer, reply_count integer, is_liked boolean,
    created_at timestamptz, updated_at timestamptz
);

COMMENT ON TYPE public.comment_item IS
    'A comment as a viewer sees it. parent_id: the comment that it replies to; reply_count: replies that are not deleted; '
    'is_liked: by the viewer.';


CREATE FUNCTION public.get_post_comments_before(
    p_viewer_id uuid, p_post_id uuid, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.comment_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.post_id, page.parent_id, page.user_id, page.username, page.full_name, page.avatar,
        page.is_verified, page.content, counts.like_count, counts.reply_count,
        EXISTS (SELECT FROM public.comment_likes AS l WHERE l.comment_id = page.id AND l.user_id = p_viewer_id),
        page.created_at, page.updated_at
    FROM (
        SELECT
            c.id, c.post_id, c.parent_id, author.user_id, author.username, author.full_name, author.avatar,
            author.is_verified, c.content, c.created_at, c.updated_at
        FROM public.comments AS c
        CROSS JOIN LATERAL public.reachable_user(p_viewer_id, c.user_id) AS author
        WHERE c.post_id = p_post_id AND c.parent_id IS NULL AND c.deleted_at IS NULL
          AND (c.created_at, c.id) < (
              coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
          AND (SELECT true FROM public.visible_posts(p_viewer_id) AS p WHERE p.post_id = p_post_id)
        ORDER BY c.created_at DESC, c.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    CROSS JOIN LATERAL public.comment_counts(page.id) AS counts
    ORDER BY page.created_at DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.get_post_comments_before(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'The comments on a post, without replies, newest first, older than the last one of the page before.';


CREATE FUNCTION public.get_post_comments(
    p_viewer_id uuid, p_post_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.comment_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_post_comments_before(p_viewer_id, p_post_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_post_comments(uuid, uuid, integer, integer) IS
    'The comments on a post as a viewer sees them, without replies, newest first. None where the post may not be seen.';


CREATE FUNCTION public.get_comment_replies_after(
    p_viewer_id uuid, p_comment_id uuid, p_after timestamptz, p_after_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.comment_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.post_id, page.parent_id, page.user_id, page.username, page.full_name, page.avatar,
        page.is_verified, page.content, counts.like_count, counts.reply_count,
        EXISTS (SELECT FROM public.comment_likes AS l WHERE l.comment_id = page.id AND l.user_id = p_viewer_id),
        page.created_at, page.updated_at
    FROM (
        SELECT
            c.id, c.post_id, c.parent_id, author.user_id, author.username, author.full_name, author.avatar,
            author.is_verified, c.content, c.created_at, c.updated_at
        FROM public.comments AS c
        CROSS JOIN LATERAL public.reachable_user(p_viewer_id, c.user_id) AS author
        WHERE c.parent_id = p_comment_id AND c.deleted_at IS NULL
          AND (c.created_at, c.id) > (
              coalesce(p_after, '-infinity'), coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
          AND (
              SELECT true
              FROM public.comments AS parent
              JOIN public.visible_posts(p_viewer_id) AS p ON p.post_id = parent.post_id
              JOIN public.reachable_users(p_viewer_id) AS author ON author.user_id = parent.user_id
              WHERE parent.id = p_comment_id AND parent.deleted_at IS NULL)
        ORDER BY c.created_at, c.id
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    CROSS JOIN LATERAL public.comment_counts(page.id) AS counts
    ORDER BY page.created_at, page.id
$$;

COMMENT ON FUNCTION public.get_comment_replies_after(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'The replies to a comment, oldest first, later than the last one of the page before.';


CREATE FUNCTION public.get_comment_replies(
    p_viewer_id uuid, p_comment_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.comment_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_comment_replies_after(p_viewer_id, p_comment_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_comment_replies(uuid, uuid, integer, integer) IS
    'The replies to a comment as a viewer sees them, oldest first. None where the comment may not be seen.';


-- Trends and suggestions

CREATE FUNCTION public.get_trending_hashtags(p_limit integer DEFAULT 10)
RETURNS TABLE (hashtag_id uuid, name text, post_count integer, score double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    SELECT h.id, h.name, h.post_count, t.score / public.trend_weight(pg_catalog.now())
    FROM public.hashtag_trends AS t
    JOIN public.hashtags AS h ON h.id = t.hashtag_id
    WHERE t.score > public.trend_weight(pg_catalog.now() - interval '7 days')
    ORDER BY t.score DESC, t.hashtag_id
    LIMIT greatest(coalesce(p_limit, 10), 0)
$$;

COMMENT ON FUNCTION public.get_trending_hashtags(integer) IS
    'The hashtags that trend: each live post of a public account adds 1 to the score, half as much for each day of age. '
    'One that scores less than a single post of a week ago does not trend.';


-- Both steps are capped, so that the work stays the same however many accounts anyone follows: the newest 200
-- followees, the newest 50 follows of each, and of the candidates the 100 with the most in common, or as many as are
-- asked for.
CREATE FUNCTION public.get_user_suggestions(p_user_id uuid, p_limit integer DEFAULT 10)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean,
    mutual_count bigint, follower_count integer
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    SELECT best.user_id, best.username, best.full_name, best.avatar, best.is_verified, best.mutual_count,
        counts.follower_count
    FROM (
        SELECT visible.*, candidate.mutual_count
        FROM (
            SELECT friend.user_id, pg_catalog.count(*) AS mutual_count
            FROM (
                SELECT f.following_id AS user_id
                FROM public.follows AS f
                CROSS JOIN LATERAL public.visible_user(p_user_id, f.following_id) AS followee
                WHERE f.follower_id = p_user_id AND f.accepted_at IS NOT NULL
                ORDER BY f.accepted_at DESC, f.following_id
                LIMIT 200) AS followee
            CROSS JOIN LATERAL (
                SELECT f.following_id AS user_id FROM public.follows AS f
                WHERE f.follower_id = followee.user_id AND f.accepted_at IS NOT NULL
                ORDER BY f.accepted_at DESC, f.following_id
                LIMIT 50) AS friend
            WHERE friend.user_id <> p_user_id
            GROUP BY friend.user_id
            ORDER BY pg_catalog.count(*) DESC, friend.user_id
            OFFSET 0) AS candidate
        CROSS JOIN LATERAL public.visible_user(p_user_id, candidate.user_id) AS visible
        WHERE NOT EXISTS (
            SELECT FROM public.follows AS f WHERE f.follower_id = p_user_id AND f.following_id = candidate.user_id)
        ORDER BY candidate.mutual_count DESC, candidate.user_id
        LIMIT greatest(coalesce(p_limit, 10), 100)) AS best
    CROSS JOIN LATERAL public.user_counts(best.user_id) AS counts
    ORDER BY best.mutual_count DESC, counts.follower_count DESC, best.user_id
    LIMIT greatest(coalesce(p_limit, 10), 0)
$$;

COMMENT ON FUNCTION public.get_user_suggestions(uuid, integer) IS
    'Accounts followed by those whom a user follows, most in common first, then most followed; none that the user '
    'follows or has asked to. Reads the newest 200 followees and the newest 50 follows of each, and ranks the 100 '
    'with the most in common.';

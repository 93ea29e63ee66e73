"""Secrets: hidden wherever they are, and nothing else is changed."""

import re

import pytest

from fowergram_db.redaction.messages import forms, mask_message, mask_query, mask_sql, secrets_in

HIDDEN_IN_SQL = [
    # The clause, with each kind of literal, and what may precede it.
    "CREATE ROLE a PASSWORD 'sesame'",
    "create role a encrypted password 'sesame'",
    "CREATE USER a WITH LOGIN UNENCRYPTED PASSWORD 'sesame' CREATEDB",
    "CREATE GROUP a PASSWORD 'sesame'",
    "ALTER USER a PASSWORD'sesame'",
    "ALTER ROLE a PASSWORD\n  /* why */ E'ses\\'ame'",
    "ALTER ROLE a PASSWORD E'\\163esame'",
    "ALTER ROLE a PASSWORD E'\\x73esame' VALID UNTIL 'infinity'",
    "ALTER ROLE a PASSWORD -- x\n 'sesame'",
    "ALTER ROLE a PASSWORD /* /* x */ y */ 'sesame'",
    "ALTER ROLE a PASSWORD /* 'x */ 'sesame'",
    "ALTER ROLE a PASSWORD -- it's\n'sesame'",
    "ALTER ROLE a PASSWORD $$sesame$$",
    "ALTER ROLE a PASSWORD $x$sesame$x$ VALID UNTIL 'infinity'",
    "ALTER ROLE a PASSWORD $x$ses$$ame$x$",
    "ALTER ROLE a PASSWORD 'it''s sesame",
    "ALTER ROLE a PASSWORD 'sesame''s'",
    "ALTER ROLE a PASSWORD '''sesame'''",
    "ALTER ROLE a PASSWORD 'abc'\n  'sesame'",
    "ALTER ROLE a PASSWORD 'abc' -- it's\n  'sesame'\n\t'sesame'",
    "ALTER ROLE a PASSWORD E'abc'\n  'ses\\'ame'",
    "ALTER ROLE a PASSWORD U&'s\\0065same'",
    "ALTER ROLE a PASSWORD U&'s!0065same' UESCAPE '!'",
    "ALTER ROLE a PASSWORD N'sesame'",
    "ALTER ROLE a PASSWORD B'sesame'",
    "ALTER ROLE a PASSWORD X'sesame'",
    "ALTER ROLE a PASSWORD ('sesame')",
    "ALTER ROLE a PASSWORD (('sesame'::text))",
    "ALTER ROLE a PASSWORD = 'sesame'",
    "ALTER ROLE a PASSWORD ('ses' || 'ame')",
    'ALTER ROLE a WITH LOGIN PASSWORD "sesame"',
    "CREATE USER a PASSWORD sesame",
    "CREATE USER a IDENTIFIED BY 'sesame'",
    "ALTER ROLE \"ผู้ใช้\" PASSWORD 'sesame'",
    "ALTER ROLE a PASSWORD 'sesame\nof two lines'",
    "-- ALTER ROLE a PASSWORD 'sesame'\nSELECT 1",
    "/* it's: ALTER ROLE a PASSWORD 'sesame' */ SELECT 1",
    # Options, connection strings and URLs.
    "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'x', password 'sesame')",
    "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET \"password\" 'sesame', passwd 'sesame')",
    "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'x', sslpassword $$sesame$$, passfile 'sesame')",
    "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', secret_access_key 'sesame')",
    "ALTER SERVER s OPTIONS (ADD api_key 'sesame')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=sesame dbname=d' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'sslpassword=''sesame'''",
    "ALTER SUBSCRIPTION s CONNECTION 'host=h password = ''ses ame'''",
    "CREATE SUBSCRIPTION s CONNECTION E'host=h password=\\'sesame\\'' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'postgresql://me:sesame@h/d' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'postgresql://me@h/d?sslmode=require&password=sesame' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h ' 'password=sesame'",
    "SELECT dblink_connect('host=h user=u password=sesame')",
    "SELECT dblink_connect('c', 'password=sesame')",
    "SELECT dblink_connect('host=h password=' || 'sesame')",
    "SELECT dblink_connect(format('host=h password=%s', 'sesame'))",
    "SELECT dblink_connect(concat('host=h ', 'password=', 'sesame'))",
    "SELECT * FROM dblink('host=h password=''sesame''', 'SELECT 1') AS t (a int)",
    "ALTER SYSTEM SET primary_conninfo = 'host=h user=u password=sesame'",
    "SET app.url = 'https://me:sesame@example.org/x'",
    "INSERT INTO hooks VALUES ('amqp://me:sesame@mq:5672/%2f')",
    "INSERT INTO hooks VALUES ('postgresql://me:ses ame@h/d')",
    "INSERT INTO hooks VALUES ('postgresql://me:ses''ame@h/d')",
    "SELECT 1 -- postgresql://me:sesame@host/d",
    "COPY t FROM PROGRAM 'PGPASSWORD=sesame psql -h h -c \"COPY t TO stdout\"'",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=$sesame' PUBLICATION p",
    "ALTER ROLE a PASSWORD '$sesame'",
    "COPY t FROM PROGRAM 'curl -u user:sesame host'",
    "COPY t FROM PROGRAM 'mysql -u root -psesame d'",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE x PASWORD %L', 'sesame'); END $$",
    "COPY t FROM PROGRAM 'mysqldump --password=sesame d'",
    # Settings, functions, variables.
    "SET app.password = 'sesame'",
    "SET LOCAL app.db_password TO 'sesame'",
    "ALTER DATABASE d SET \"app.jwt_secret\" TO 'sesame'",
    "ALTER ROLE a IN DATABASE d SET app.password = 'sesame'",
    "SELECT set_config('app.password', 'sesame', false)",
    "SELECT pg_catalog.set_config('app.password', 'sesame', false)",
    "SELECT \"set_config\"('app.password', 'sesame', false)",
    "SELECT set_config(setting_name => 'app.password', new_value => 'sesame', is_local => false)",
    "SELECT set_config(new_value := 'sesame', is_local := true, setting_name := 'app.password')",
    "SELECT set_config('app.password', new_value => 'sesame', is_local => false)",
    "SELECT set_config('app.password', coalesce(null, 'sesame'), false)",
    "SELECT set_config('app.password', (SELECT 'sesame'), false)",
    "SELECT set_config('app.password', CASE WHEN a = 'b' THEN 'sesame' END, false)",
    "SELECT set_config('app.password', CAST('sesame' AS text), false)",
    "SELECT set_config('app.password', text 'sesame', false)",
    "DO $$ DECLARE v text := 'sesame'; BEGIN PERFORM set_config('app.password', v, false); END $$",
    "SET app.credentials = 'sesame'",
    "SET app.password = 'sesame', 'sesame'",
    "SELECT vault.create_secret(new_name => 'x', new_secret => 'sesame')",
    "SELECT pgp_sym_encrypt(data, coalesce(current_setting('app.key', true), 'sesame')) FROM t",
    "INSERT INTO users (hash) VALUES (crypt('sesame', gen_salt('bf')))",
    "SELECT pgp_sym_encrypt(data, 'sesame') FROM t",
    "SELECT make_login(name => 'x', password => 'sesame')",
    "SELECT make_login(p_password := 'sesame')",
    # SQL in strings, or put together from them.
    "DO $$ BEGIN EXECUTE E'ALTER ROLE a PASSWORD \\'sesame\\''; END $$",
    "EXECUTE 'ALTER ROLE a PASSWORD ''sesame'' VALID UNTIL ''x''';",
    "DO $$ BEGIN ALTER ROLE a PASSWORD 'sesame'; END $$",
    "DO $o$ BEGIN EXECUTE $i$ALTER ROLE a PASSWORD 'sesame'$i$; END $o$",
    "DO 'BEGIN EXECUTE ''ALTER ROLE a PASSWORD ''''sesame''''''; END'",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', 'sesame'); END $$",
    "SELECT format('ALTER ROLE %I PASSWORD %L', 'x', 'sesame')",
    "SELECT format('ALTER ROLE %1$I PASSWORD %2$L VALID UNTIL %3$L', 'x', 'sesame', 'infinity')",
    "SELECT format('ALTER ROLE %2$I PASSWORD %1$L', 'sesame', 'x')",
    "SELECT format('ALTER ROLE %I PASSWORD ''%s''', 'x', 'sesame')",
    "SELECT format('ALTER ROLE %I PASSWORD %s', 'x', quote_literal('sesame'))",
    "SELECT format('%s PASSWORD %L', 'ALTER ROLE x', 'sesame')",
    "SELECT format($f$ALTER ROLE %I PASSWORD %L$f$, r, $p$sesame$p$) FROM roles",
    "SELECT format('CREATE USER MAPPING FOR %I SERVER s OPTIONS (user %L, password %L)', 'x', 'x', 'sesame')",
    "SELECT pg_catalog.format('ALTER ROLE ' || 'x' || ' PASSWORD %L', 'sesame')",
    "SELECT format('ALTER ROLE x PASSWORD %L', coalesce(current_setting('a.b', true), 'sesame'))",
    "SELECT format('ALTER ROLE x PASSWORD %L', CASE WHEN a = 'b' THEN 'sesame' ELSE 'sesame' END)",
    "SELECT format('ALTER ROLE x PASSWORD %L', (SELECT 'sesame'))",
    "EXECUTE 'ALTER ROLE x PASSWORD ' || quote_literal('sesame')",
    "EXECUTE 'ALTER ROLE ' || quote_ident(n) || ' PASSWORD '\n  || quote_literal('sesame')\n  || ' LOGIN'",
    "EXECUTE 'ALTER ROLE x PASS' || 'WORD ' || quote_literal('sesame')",
    "EXECUTE 'ALTER ROLE x PASSWORD ''' || 'sesame' || ''''",
    "EXECUTE concat('ALTER ROLE x PASSWORD ', quote_literal('sesame'))",
    "EXECUTE concat_ws(' ', 'ALTER ROLE x PASSWORD', quote_literal('sesame'))",
    "q := q || ' PASSWORD ' || quote_literal('sesame')",
    "q := q || ' PASSWORD ''sesame'''",
    "DO $$ DECLARE pw text := 'sesame'; BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', pw); END $$",
    "DO $$ DECLARE pw constant text DEFAULT 'sesame'; BEGIN q := 'ALTER ROLE x PASSWORD ' || quote_literal(pw); END $$",
    "DO $$ DECLARE pw text; BEGIN pw = 'sesame'; EXECUTE format('ALTER ROLE x PASSWORD %L', pw); END $$",
    "DO $$ DECLARE v text; BEGIN SELECT 'sesame' INTO v; EXECUTE format('ALTER ROLE x PASSWORD %L', v); END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE x PASSWORD $1' USING 'sesame'; END $$",
    "DO $$ BEGIN EXECUTE 'SELECT format(''ALTER ROLE x PASSWORD %L'', $2)' USING 1, 'sesame'; END $$",
    "CREATE FUNCTION f(pw text DEFAULT 'sesame') AS $$BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', pw); END$$",
    "DO $$ DECLARE app_password text := 'sesame'; BEGIN PERFORM make(app_password); END $$",
    "SELECT dblink_exec('c', 'ALTER ROLE x PASSWORD ''sesame''')",
    "DO $$ BEGIN EXECUTE replace('ALTER ROLE x PASSWORD $PW', '$PW', quote_literal('sesame')); END $$",
    "DO $$ DECLARE q text := 'ALTER ROLE x PASSWORD %L'; BEGIN EXECUTE format(q, 'sesame'); END $$",
    "DO $$ BEGIN q := 'ALTER ROLE x PASSWORD '; q := q || quote_literal('sesame'); EXECUTE q; END $$",
    "DO $$ DECLARE a text := 'sesame'; b text; BEGIN b := a; EXECUTE format('ALTER ROLE x PASSWORD %L', b); END $$",
    "DO $$ DECLARE q text; BEGIN q := quote_literal('sesame'); EXECUTE 'ALTER ROLE x PASSWORD ' || q; END $$",
    "DO $$ DECLARE p CONSTANT varchar(20) NOT NULL := 'sesame'; BEGIN q := format('ROLE x PASSWORD %L', p); END $$",
    "SELECT format('ALTER ROLE %I PASSWORD %L', n, p) FROM (VALUES ('x', 'sesame'), ('y', 'sesame')) v (n, p)",
    "SELECT 'ALTER ROLE x PASSWORD ' || quote_literal(p) FROM (SELECT 'sesame'::text AS p) s",
    # What is passed on: to a prepared statement, through a setting, in an array, as JSON.
    "PREPARE p AS SELECT set_config('a.password', $1, false); EXECUTE p('sesame')",
    "PREPARE p (text) AS SELECT crypt($1, gen_salt('bf')); EXECUTE p ('sesame');",
    "PREPARE p AS SELECT dblink_connect('host=h password=' || $1); EXECUTE p('sesame');",
    "PREPARE p (text, text) AS SELECT format('ALTER ROLE x PASSWORD %L', $2); EXECUTE p('a', E'sesame');",
    "SET a.pw = 'sesame'; DO $$ BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', current_setting('a.pw')); END $$",
    "SELECT set_config('a.p', 'sesame', true), format('ALTER ROLE x PASSWORD %L', current_setting('a.p', true))",
    "DO $$ DECLARE a text[] := ARRAY['sesame']; BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', a[1]); END $$",
    "DO $$ BEGIN FOREACH p IN ARRAY ARRAY['sesame'] LOOP EXECUTE format('ROLE x PASSWORD %L', p); END LOOP; END $$",
    "DO $$ DECLARE j json := '{\"p\": \"sesame\"}'; BEGIN q := format('ROLE x PASSWORD %L', j ->> 'p'); END $$",
    "DO $$ BEGIN SELECT 'sesame' INTO STRICT v; EXECUTE format('ALTER ROLE x PASSWORD %L', v); END $$",
    "ALTER SYSTEM SET ssl_passphrase_command = 'echo sesame'",
    "ALTER DATABASE d SET app.encryption_key = 'sesame'",
    "SELECT aws_commons.create_aws_credentials('AKIA', 'sesame', '')",
    "SELECT vault.create_secret('sesame', 'name')",
    "SELECT 'Server=h;User Id=u;Password=sesame;Database=d'",
    "SELECT dblink_connect('user=u password=a\\ sesame host=h')",
    # Statements that are wrong, and would be shown.
    "ALTER ROLE a PASWORD 'sesame'",
    "ALTER ROLE a PASSWORD ''sesame''",
    "ALTER ROLE a PASSWORD 'it's sesame'; SELECT 1",
    "ALTER ROLE a PASSWORD 'it'sesame' VALID UNTIL 'infinity'",
    "ALTER ROLE a PASSWORD 'a' 'sesame'",
    "ALTER ROLE a PASSWORD text 'sesame'",
    "ALTER ROLE a PASSWORD N $$sesame$$",
    "ALTER ROLE a PASSWORD TO 'sesame'",
    "ALTER ROLE a SET PASSWORD = 'sesame'",
    "ALTER ROLE a PASSWORD : 'sesame'",
    "ALTER ROLE a PASSWORD sesame-sesame",
    "ALTER ROLE a PASSWORD #sesame#",
    "ALTER ROLE a PASSWORD `sesame`",
    "ALTER ROLE a PASSWORD “sesame”",
    "ALTER ROLE a PASSWORT 'sesame'",
    "CREATE SUBSCRIPTION s CONNECTION 'nosuch=1 password=sesame' PUBLICATION p",
    "SELECT dblink_connect('host=h passwd=sesame')",
    "COPY t FROM PROGRAM 'curl -s -u user:sesame https://example.org'",
    # Truncated.
    "DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''sesam",
    "ALTER ROLE a PASSWORD $x$sesame$",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=sesam",
]


def shape(text):
    return [len(line) for line in text.split("\n")]


@pytest.mark.parametrize("text", HIDDEN_IN_SQL)
def test_the_secret_is_hidden_and_the_text_keeps_its_shape(text):
    masked = mask_sql(text)
    assert "sesam" not in masked
    assert not re.search("(?<!n)ame|esam", masked.lower())
    assert shape(masked) == shape(text)


@pytest.mark.parametrize("text", HIDDEN_IN_SQL)
def test_a_secret_is_hidden_in_another_sessions_query_too(text):
    masked = mask_query(text)
    assert "sesam" not in masked
    assert shape(masked) == shape(text)


UNCHANGED_SQL = [
    "DO $$ BEGIN IF NEW.password <> OLD.password THEN NEW.state := 'reset'; END IF; END $$",
    "INSERT INTO t VALUES ('a=>1, password=>2'::hstore)",
    "PREPARE p (int) AS SELECT crypt(password, $1) FROM users WHERE kind = $2; EXECUTE q('x')",
    "DO $$ DECLARE a text[] := ARRAY['x']; BEGIN EXECUTE format('ALTER ROLE %I PASSWORD NULL', a[1]); END $$",
    "DO $$ BEGIN a := ARRAY['x']; EXECUTE format('ALTER ROLE x PASSWORD %L', b[1]); END $$",
    "SET a.b = 'x'; SELECT format('ALTER ROLE x PASSWORD %L', current_setting('a.c'))",
    "ALTER ROLE x LOGIN; INSERT INTO passengers VALUES ('Anna')",
    "SELECT 'Set it by ALTER ROLE x PASSWORD ''…'''",
    "SELECT 'a;password=;b'",
    "SELECT password FROM users WHERE name = 'x'",
    "SELECT name FROM users WHERE password = 'x'",
    "INSERT INTO users (name, password) VALUES ('a', 'x')",
    "INSERT INTO users (password) VALUES ('x') ON CONFLICT DO UPDATE SET password = 'x'",
    "UPDATE users SET password = 'x' WHERE name = 'y'",
    "UPDATE users SET \"password\" = 'x'",
    "UPDATE users u SET password = '' WHERE u.password IS NULL",
    "ALTER TABLE users ADD COLUMN hashed_password text DEFAULT 'x'",
    "CREATE TABLE users (password text NOT NULL, passwd varchar(20) DEFAULT 'x' CHECK (password <> ''))",
    "ALTER TABLE users ALTER COLUMN password SET DEFAULT 'x'",
    "CREATE INDEX ON users (password) WHERE password > 'm'",
    "ALTER ROLE a PASSWORD NULL",
    "ALTER ROLE a WITH PASSWORD NULL VALID UNTIL '2030-01-01'",
    "ALTER ROLE a PASSWORD :'app_password'",
    'ALTER ROLE a PASSWORD :"app_password"',
    "ALTER ROLE a PASSWORD ''",
    "ALTER ROLE a VALID UNTIL 'infinity'",
    "ALTER ROLE a PASSWORD NULL VALID UNTIL 'infinity' IN ROLE b",
    "ALTER ROLE a SET TIME ZONE 'UTC'; ALTER ROLE a SET search_path TO 'x', 'y'",
    "DO $$ BEGIN ALTER ROLE a LOGIN; x := 'y'; PERFORM f('z'); END $$",
    "DO $$ DECLARE q text := 'SELECT 1'; BEGIN q := q || ' AS password'; EXECUTE format(q, 'x'); END $$",
    "SELECT a FROM (VALUES ('x', 'y')) v (a, password)",
    "ALTER ROLE a SET search_path = 'app'",
    "ALTER ROLE a SET password_encryption = 'scram-sha-256'",
    "ALTER SYSTEM SET password_encryption TO 'scram-sha-256'",
    "SET app.token_lifetime = '5 min'",
    "COMMENT ON COLUMN users.password IS 'the password of the user'",
    "COMMENT ON TABLE users IS 'the password of ''anna'' is known'",
    "COMMENT ON TABLE password_resets IS 'Requests to choose a new password.'",
    "COMMENT ON ROLE app IS 'Create user accounts with password hashing'",
    "SELECT 'password', 'passwd' AS password, 'x' AS token",
    "CREATE TYPE kind AS ENUM ('password', 'token', 'secret')",
    "-- the password 'x' of the user is no longer kept\nSELECT 1",
    "-- Don't store the password; it's hashed\nSELECT 'x'",
    "/* create user accounts with password hashing */ SELECT 1",
    "-- e-mail to admin@example.org about https://example.org:8080/a@b\nSELECT 1",
    "INSERT INTO links VALUES ('https://example.org:443/users/anna@example.org')",
    "INSERT INTO links VALUES ('postgresql://localhost:5432/app?application_name=me@work')",
    "INSERT INTO links VALUES ('postgresql://me@host/db?password_reset=1')",
    "INSERT INTO links VALUES ('postgresql://[::1]:5432/db')",
    "INSERT INTO links VALUES ('mailto:a:b@example.org', 'a:b@c')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h user=u dbname=d' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h passfile=/etc/pgpass' PUBLICATION p WITH (password_required = false)",
    "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', dbname 'd')",
    "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'bob', password_required 'false')",
    "DO $$ DECLARE pass int; BEGIN pass := 5; pass = 5; END $$",
    "DO $$ BEGIN new.password := crypt(new.password, gen_salt('bf')); END $$",
    "DO $$ BEGIN v_password := ''; v_hash := 'x'; END $$",
    "DO $$ BEGIN password_set := 'yes'; token := 'x'; END $$",
    "DO $$ BEGIN RAISE NOTICE 'the password of % is %', 'x', 'y'; END $$",
    "DO $$ BEGIN RAISE EXCEPTION 'password ''%'' is too short', x USING HINT = 'eight characters'; END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', r, p); END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', 'bob', current_setting('app.pw')); END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', encode(gen_random_bytes(16), 'hex')); END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', (SELECT p FROM t WHERE n = 'x')); END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE x PASSWORD ' || quote_literal(p) || ' VALID UNTIL ''infinity'''; END $$",
    "DO $$ BEGIN EXECUTE 'UPDATE users SET password = ''x'' WHERE name = ''y'''; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE x PASSWORD $1' USING p, 'y'; END $$",
    "DO $$ BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', pw); other := 'x'; END $$",
    "CREATE FUNCTION f(password text) RETURNS void AS $$ UPDATE users SET password = crypt(f.password, 'x') $$",
    "SELECT crypt(password, gen_salt('bf', 8)) FROM users",
    "SELECT set_config('app.user', 'anna', false), set_config('search_path', '', true)",
    "SELECT pgp_sym_decrypt(data, current_setting('app.key')) FROM t WHERE kind = 'x'",
    "SELECT pgp_sym_decrypt(data, (SELECT value FROM keys WHERE name = 'x')) FROM t",
    "SELECT set_config('app.password', (SELECT value FROM keys WHERE name = 'x'), false)",
    "SELECT set_config(setting_name => 'app.user', new_value => 'anna', is_local => false)",
    "GRANT SELECT (password) ON users TO a",
    "SELECT 'ตั้งรหัสผ่านใหม่ (password) ให้ผู้ใช้', 'รหัสผ่าน'",
    "CREATE VIEW v AS SELECT password FROM users WHERE kind = 'x'",
    "SELECT json_build_object('password', 'x'), '{\"password\": \"x\"}'::jsonb -> 'password'",
    "SELECT 'a'::text AS password, E'it\\'s', U&'\\0041' UESCAPE '\\'",
    "CREATE POLICY p ON users USING (password IS NOT NULL AND role = 'x')",
    "LOCK TABLE passwords",
    "SELECT check_password('x'), has_password('y')",
    "COPY users (name, password) FROM '/tmp/x.csv'",
    "SELECT hstore('password', 'x'), 'password=>x'::hstore",
    "SELECT regexp_replace(line, 'password=\\S+', 'password=***') FROM logs",
    "INSERT INTO i18n VALUES ('weak', 'The password ''%s'' is too weak'), ('login.password', 'Password')",
    "INSERT INTO settings VALUES ('smtp.password', 'x')",
    "CREATE TYPE auth_method AS ENUM ('password', 'magic_link')",
    "CREATE FUNCTION f(p_password text) RETURNS text AS $$ BEGIN IF p_password = '' THEN RAISE 'x'; END IF; END $$",
    "SELECT 'ALTER ROLE ' || n || ' PASSWORD ' || quote_literal(p) || ';' FROM roles WHERE n LIKE 'app%'",
    "MERGE INTO u USING s ON u.id = s.id WHEN MATCHED THEN UPDATE SET password = 'x'",
    "WITH x AS (UPDATE users SET password = 'x' RETURNING password) SELECT 'y' FROM x",
    "COPY users FROM PROGRAM 'PGPASSWORD=$PW PGPASSWORD=$(cat pw) psql'",
    "ALTER ROLE a PASSWORD '${APP_PASSWORD}'",
]


@pytest.mark.parametrize("text", UNCHANGED_SQL)
def test_sql_without_a_secret_stays(text):
    assert mask_sql(text) == text
    assert mask_query(text) == text


HIDDEN_IN_MESSAGES = [
    "postgresql://me:sesame@host:1/db",
    "postgresql://me:se@s/ame@host/db",
    "postgres://:sesame@host/db",
    "could not connect to 'postgresql://me:sesame@host/db'",
    "https://me:sesame@host:8080/a/b?c=d@e is out of reach",
    "postgresql+psycopg://me:sesame@h1,h2:5433/db",
    "jdbc:postgresql://host/db?user=me&password=sesame",
    "invalid dsn: host=h password=sesame",
    "bad connection string \"host=h user=me password='ses ame'\"",
    "host = h password = sesame",
    "Host=h;Username=me;Password=sesame;Database=d",
    "SQL statement \"ALTER ROLE a PASSWORD 'sesame'\"\nPL/pgSQL function inline_code_block line 1 at SQL statement",
    "SQL statement \"SELECT format('ALTER ROLE x PASSWORD %L', 'sesame')\"",
    "SQL expression \"'ALTER ROLE x PASSWORD ' || quote_literal('sesame') || 1/0\"",
    "PL/pgSQL assignment \"q := 'ALTER ROLE x PASSWORD ''sesame'''\"",
    "SQL statement \"CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'x', password 'sesame')\"",
    "remote SQL command: ALTER ROLE a PASSWORD 'sesame'",
    "statement: ALTER ROLE a PASSWORD $$sesame$$",
    "execute <unnamed>: ALTER ROLE a PASSWORD ''sesame''",
    "executing ALTER ROLE a PASSWORD E'ses\\'ame' now",
    "it's: ALTER ROLE a PASSWORD 'sesame",
    "ran: PGPASSWORD=sesame psql -h h",
    "while running EXECUTE 'ALTER ROLE x PASSWORD ' || quote_literal('sesame')",
    "it's format('ALTER ROLE x PASSWORD %L', 'sesame') that failed",
]


@pytest.mark.parametrize("text", HIDDEN_IN_MESSAGES)
def test_a_message_shows_no_secret(text):
    masked = mask_message(text)
    assert not re.search("sesame|se@s|ses |ame(?!')", masked.replace("Username", "").replace("unnamed", ""))
    assert shape(masked) == shape(text)


UNCHANGED_MESSAGES = [
    'password authentication failed for user "x"',
    'relation "password_resets" does not exist',
    'column "password" of relation "users" contains null values',
    'column "password" of relation "users" does not exist',
    "password 'x' is too short",
    "ALTER ROLE a PASSWORD ''; DROP ROLE b",
    "ALTER ROLE a PASSWORD '' VALID UNTIL 'infinity'",
    "the user's password is not set",
    "can't change the password's owner; it's used",
    'null value in column "password" of relation "users" violates not-null constraint',
    "Failing row contains (1, anna@example.org, x).",
    "Key (email)=(anna@example.org) already exists.",
    "fe_sendauth: no password supplied",
    "postgresql://me@host/db",
    "postgresql://me@host/db?password_reset=1",
    "https://example.org:8080/users/anna@example.org",
    "see https://www.postgresql.org/docs/18/auth-password.html",
    "รหัสผ่าน (password) ไม่ถูกต้อง",
    "password_encryption = scram-sha-256",
    'syntax error at or near "PASSWORD"',
    'unrecognized role option "passwort"',
    "PL/pgSQL function set_password(text,text) line 3 at SQL statement",
    "SQL statement \"UPDATE users SET password = 'x'\"",
    "create user accounts with password hashing",
    "EXECUTE 'ALTER ROLE app PASSWORD ' || quote_literal(current_setting('app.pw', true))",
    "format('%s', 'ALTER ROLE x PASSWORD')",
    "pass = 5, a := b, 10:30@noon",
    "Enter the password (at least 8 characters)",
    'role "a" is not permitted to log in',
    "empty password returned by client",
    'option "password" not found',
    'server "s": password is required',
    "Non-superusers must provide a password in the user mapping.",
]


@pytest.mark.parametrize("text", UNCHANGED_MESSAGES)
def test_a_message_without_a_secret_stays(text):
    assert mask_message(text) == text


@pytest.mark.parametrize("secret", [":'sesame", "<sesame>", "PASSWORD", "$1", "(.*)", ":sesame", "\\w+"])
def test_a_secret_that_looks_like_a_placeholder_is_hidden(secret):
    text = "ALTER ROLE a PASSWORD '{}'"
    assert mask_sql(text.format(secret.replace("'", "''"))) == text.format("*" * len(secret.replace("'", "''")))


def repeated(script, said):
    return mask_message(said, forms(secrets_in(script), script))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("ALTER ROLE a PASSWORD 'it''s sesame' oops", """syntax error at or near "'it''s sesame'" (it's sesame)"""),
        ("ALTER ROLE a PASSWORD E'it\\'s sesame'", "it's sesame, or it''s sesame, or it\\'s sesame"),
        ("CREATE USER a PASSWORD sesame", 'syntax error at or near "sesame"'),
        ("ALTER ROLE a PASSWORD 'sesame'", "the password is sesame now"),
        ("ALTER ROLE a PASSWORD 'sesame'", "role sesame: (sesame)"),
        ("CREATE SUBSCRIPTION s CONNECTION 'host=h password=sesame'", 'could not look up "sesame"'),
        ("DO $$BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', 'sesame'); END$$", "NOTICE: sesame"),
        ("ALTER ROLE a PASSWORD '5e5ame!sesame'", "x5e5ame!sesamey"),
    ],
)
def test_what_a_server_repeats_of_a_script_is_hidden(script, said):
    assert "sesame" not in repeated(script, said)


@pytest.mark.parametrize(
    ("password", "said", "shown"),
    [
        ("table", 'relation "t" of the table is not a table', 'relation "t" of the table is not a table'),
        ("user", "column user_id of users: the user", "column user_id of users: the user"),
        ("a", "a relation has 'a' fault", "a relation has '*' fault"),
        ("admin", 'role "admin" of the admin', 'role "*****" of the admin'),
        ("anna", "annamaria and anna", "annamaria and ****"),
        ("", "nothing", "nothing"),
    ],
)
def test_a_secret_that_is_a_common_word_hides_no_other_words(password, said, shown):
    assert repeated(f"ALTER ROLE x PASSWORD '{password}'", said) == shown


def test_copy_data_is_no_sql():
    script = "COPY t FROM stdin;\nit's\tpassword 'x'\n\\.\nALTER ROLE a PASSWORD 'sesame';"
    start, end = script.index("it's"), script.index("\\.")
    assert mask_sql(script, [(start, end)]) == script.replace("sesame", "******")


def test_a_url_in_copy_data_is_hidden():
    script = "COPY t FROM stdin;\npostgresql://me:sesame@h/d\n\\.\n"
    assert mask_sql(script, [(19, 46)]) == script.replace("sesame", "******")


def test_a_query_that_is_truncated_at_its_beginning_shows_no_secret():
    assert "sesame" not in mask_query("it''s' ; ALTER ROLE a PASSWORD 'sesame'; SELECT '")
    assert "sesame" not in mask_query("or '; ALTER ROLE a PASSWORD 'sesame' VALID UNTIL 'x'")

-- What psql does with some RECORD and STATE messages of the tap, from standard input; load/by_psql.sh runs it.
-- Their tables are there: target-postgres has made them. The rows are those that it would have made.
\encoding UTF8
BEGIN;
SET LOCAL timezone TO 'UTC';
-- Rows are sorted by their keys. This is for as many as by_psql.sh hands over at once.
SET LOCAL work_mem TO '64MB';
CREATE TEMPORARY TABLE messages (line text) ON COMMIT DROP;
-- Quote and delimiter are signs that cannot stand in JSON, so no line needs an escape.
\copy messages FROM pstdin WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM messages WHERE line = 'END') THEN
    RAISE 'the messages broke off: none of these % is loaded', (SELECT count(*) FROM messages);
  END IF;
END $$;

-- One statement for each stream. Of records with one key the last one counts: the place in `messages` says which that is.
WITH streams AS (
  SELECT DISTINCT split_part(line, '"', 8) AS name FROM messages WHERE starts_with(line, '{"type":"RECORD"')
), filled AS (
  SELECT name, format('%I.%I', :'schema', name)::regclass AS id FROM streams
), columns AS (
  SELECT name, id,
    string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names,
    string_agg(format('%1$I = EXCLUDED.%1$I', attname), ', ') AS changes,
    string_agg(CASE attname
      WHEN '_sdc_extracted_at' THEN 'time_extracted'
      WHEN '_sdc_received_at' THEN 'now()'
      WHEN '_sdc_batched_at' THEN 'now()'
      WHEN '_sdc_sequence' THEN '1000 * extract(epoch FROM now())'
      WHEN '_sdc_sync_started_at' THEN :'started'
      WHEN '_sdc_table_version' THEN 'version'
      ELSE format('(record).%I', attname)
    END, ', ' ORDER BY attnum) AS found
  FROM filled JOIN pg_attribute ON attrelid = id AND attnum > 0 AND NOT attisdropped
  GROUP BY name, id
), keys AS (
  SELECT id,
    string_agg(quote_ident(attname), ', ') AS key,
    -- In what order is of no matter: byte by byte is the fastest.
    string_agg(format('%I::text COLLATE "C"', attname), ', ') AS sorted
  FROM filled JOIN pg_index ON indrelid = id AND indisprimary
  JOIN pg_attribute ON attrelid = id AND attnum = ANY (indkey)
  GROUP BY id
)
SELECT format(
  'INSERT INTO %1$s (%2$s)
   SELECT DISTINCT ON (%7$s) %2$s FROM (
     SELECT messages.ctid, %4$s
     FROM messages, json_to_record(line::json) AS message (record %1$s, version bigint, time_extracted timestamp)
     WHERE starts_with(line, %5$L)
   ) AS rows (_place, %2$s)
   ORDER BY %7$s, _place DESC
   ON CONFLICT (%3$s) DO UPDATE SET %6$s',
  id, names, key, found, format('{"type":"RECORD","stream":"%s",', name), changes, sorted
)
FROM columns LEFT JOIN keys USING (id)
\gexec

SELECT (
  SELECT line::json -> 'value' FROM messages WHERE starts_with(line, '{"type":"STATE"') ORDER BY ctid DESC LIMIT 1
) AS state \gset
COMMIT;
-- Only now that the rows are there.
\if :{?state}
\echo :state
\endif

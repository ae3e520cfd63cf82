-- Rows put aside by table and reason, most frequent first, with the first $examples of each.
SELECT table_name, reason, count(*) AS rows, arg_min(row_json, rowid, $examples) AS examples
FROM quarantine GROUP BY table_name, reason ORDER BY rows DESC, table_name, reason

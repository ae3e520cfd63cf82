-- Who teaches: whoever has a label.
SELECT user_id, max(label) AS label FROM outcomes GROUP BY user_id

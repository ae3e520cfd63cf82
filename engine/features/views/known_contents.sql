-- Contents published before the cutoff; one without a date has always been there. What they are is
-- numbered by name (missing: no topic, author or format).
SELECT
    content_id, {published_age_s} AS age_s,
    CASE WHEN topic IS NOT NULL THEN dense_rank() OVER (ORDER BY topic) END AS topic_no,
    CASE WHEN author IS NOT NULL THEN dense_rank() OVER (ORDER BY author) END AS author_no,
    CASE WHEN format IS NOT NULL THEN dense_rank() OVER (ORDER BY format) END AS format_no
FROM contents
WHERE published_at IS NULL OR published_at < {cutoff}

-- Contents published before the cutoff.
SELECT content_id, topic, {published_age_s} AS age_s FROM contents WHERE published_at < {cutoff}

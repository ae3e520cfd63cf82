    AND signed_up_at <= CAST($signed_up_before AS TIMESTAMP)

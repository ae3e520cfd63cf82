    AND user_id NOT IN (
{left_out}
    )

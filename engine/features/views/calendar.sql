-- The season at the cutoff, the same for everyone.
SELECT user_id, {day_of_year} AS day_of_year, {week_day} AS week_day FROM population

-- Contents that a user opened in the last 90 days, with what they are.
SELECT touched_contents.user_id, known_contents.author_no, known_contents.format_no
FROM touched_contents
INNER JOIN known_contents ON known_contents.content_id = touched_contents.content_id
WHERE touched_contents.last_age_s <= 7776000

-- Contents that a user opened in the last 90 days, with what they are.
SELECT touched_contents.user_id, known_contents.topic, known_contents.author, known_contents.format
FROM touched_contents
INNER JOIN known_contents ON known_contents.content_id = touched_contents.content_id
WHERE touched_contents.last_age_s <= 7776000

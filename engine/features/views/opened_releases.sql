-- Contents published in the last 60 days that a user has opened.
SELECT touched_contents.user_id, touched_contents.content_id
FROM touched_contents
INNER JOIN known_contents ON known_contents.content_id = touched_contents.content_id
WHERE known_contents.age_s <= 5184000

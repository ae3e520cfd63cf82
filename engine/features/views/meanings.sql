-- One row per kind of event that means something: a join with so few rows costs a third of
-- comparing words in every event.
SELECT
    kind, {learning} AS learns, {finished} AS finishes, {warm} AS warms, {searches} AS seeks,
    {price_views} AS asks_price, {cancel_views} AS asks_exit, {login_failures} AS fails_login
FROM (VALUES {kinds}) AS named(kind)

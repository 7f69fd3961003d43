-- What many statements say in the same words. A fragment is put where it is called, as text.

-- How many microseconds ago, and from now.
-- fragment: age_us(at)
(extract(epoch FROM now() - :at) * 1000000)::bigint

-- fragment: left_us(at)
(extract(epoch FROM :at - now()) * 1000000)::bigint

-- fragment: ms(number)
:number * interval '1 ms'

-- fragment: us(number)
(:number)::bigint * interval '1 us'

-- fragment: time_of_ms(unix_ms)
to_timestamp(:unix_ms / 1000.0)

-- As JSON has times.
-- fragment: iso(at)
to_char(:at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')

-- It has not ended. In these words the index saga_due is of use.
-- fragment: is_open(saga)
:saga.state < :SAGA_COMPLETED

-- fragment: is_checkout(saga)
:saga.key LIKE 'checkout.%'

-- Due now, unless a worker has it in hand: then its move will see that the wake has risen.
-- fragment: woken()
wake = wake + 1,
due_at = CASE WHEN leased AND due_at > now() THEN due_at ELSE now() END

-- A seat of these is on its way to another, by a saga: its ticket is good for nothing meanwhile.
-- fragment: is_moving(o, t)
coalesce(:o.moving ? :t.seat, false)

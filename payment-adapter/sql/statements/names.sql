-- C's names, for use in statements: `:SAGA_RUNNING` is sent as 0. The compiler compares each number with the
-- enumerator of that name; a unit test compares each word, using the function named next to the header.

--= core/saga/saga.h
--= SAGA_RUNNING       0
--= SAGA_UNDOING       1
--= SAGA_COMPLETED     2
--= SAGA_UNDONE        3
--= SAGA_MARK_DONE     0
--= SAGA_MARK_UNKNOWN  3
--= SAGA_MARK_DEFERRED 6
--= SAGA_MARK_OPERATOR 7

--= core/checkout/order.h order_status_name
--= ORDER_PENDING_PAYMENT 'pending_payment'
--= ORDER_CONFIRMING      'confirming'
--= ORDER_COMPLETED       'completed'
--= ORDER_CANCELLED       'cancelled'
--= ORDER_EXPIRED         'expired'
--= ORDER_FAILED          'failed'
--= ORDER_REFUNDING       'refunding'
--= ORDER_REFUNDED        'refunded'
--= ORDER_PARKED          'parked'

--= core/checkout/order.h
--= ORDER_CAUSE_BUYER_LIMIT      'buyer-limit'
--= ORDER_CAUSE_PURCHASE_DIFFERS 'purchase-differs'

--= core/checkout/effect.h
--= LETTER_COMPLETED 'completed'
--= LETTER_REVOKED   'revoked'
--= LETTER_CREDITED  'credited'

--= core/checkout/peer.h
--= PAYMENT_AUTHORISED    1
--= PAYMENT_RETURN_OPEN   0
--= PAYMENT_RETURN_FAILED 2

--= store/words.h
--= WHY_NOT_REFUNDABLE    'not-refundable'
--= WHY_BY_OPERATOR       'refund-by-operator'
--= WHY_TOO_LATE          'refund-too-late'
--= WHY_HANDED_ON         'tickets-handed-on'
--= WHY_EVENT_CANCELLED   'event-cancelled'
--= WHY_ACCEPTED          'difference-accepted'
--= WHY_REFUNDED_BEFORE   'refunded-before'
--= WHY_WHOLE_ORDER       'whole-order'
--= WHY_PRICE_UNKNOWN     'price-unknown'
--= WHY_REFUND_LARGE      'refund-too-large'
--= WHY_CREDITS_FULL      'too-many-refunds'
--= WHY_NOT_COMPLETED     'not-completed'
--= WHY_SEAT_NOT_IN_ORDER 'seat-not-in-order'
--= WHY_TICKET_USED       'ticket-used'
--= WHY_SEATS_TAKEN       'seats-taken'

--= core/checkout/refund_terms.h
--= ACTOR_BUYER    'buyer'
--= ACTOR_OPERATOR 'operator'

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

--= core/checkout/refund_terms.h
--= ACTOR_BUYER    'buyer'
--= ACTOR_OPERATOR 'operator'

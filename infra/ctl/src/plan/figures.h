/* figures.h: what one thing costs, for the sums of size.c. Written by `make scale` from
 * loadtest/sim/whole: table.js, ask.js and figures.js; a test compares. */
#ifndef FG_CTL_PLAN_FIGURES_H
#define FG_CTL_PLAN_FIGURES_H

static const double figure_edge_handshake_us = 360;
static const double figure_edge_resumed_ratio = 0.83;
static const double figure_edge_request_us = 12.3;
static const double figure_edge_connection_bytes = 15700;
static const double figure_kernel_connection_bytes = 7600;
static const double figure_front_page_us = 8.8;
static const double figure_front_join_us = 6.9;
static const double figure_front_poll_us = 7.6;
static const double figure_front_stream_us_per_s = 3;
static const double figure_front_stream_bytes = 373;
static const double figure_redis_join_us = 4.8;
static const double figure_redis_shard_ratio = 1.1;
static const double figure_redis_cut_us = 96;
static const double figure_redis_read_us = 2.8;
static const double figure_redis_tick_us = 78;
static const double figure_redis_tick_repeated_us = 35;
static const double figure_redis_place_bytes = 66.4;
static const double figure_redis_address_bytes = 80;
static const double figure_seat_memory_bytes = 1100;
static const double figure_order_us = 4700;
static const double figure_order_database_bytes = 8100;
static const double figure_psp_latency_s = 0.8;
static const double figure_psp_calls_per_order = 4.05;
static const double figure_shop_orders_per_s = 20;
static const double figure_handshake_bytes = 2500;
static const double figure_page_bytes = 14313;
static const double figure_join_bytes = 1100;
static const double figure_streams_between = 20000;
static const double figure_people_reconnect = 0.05;
static const double figure_people_streams = 1;
static const double figure_people_resumed = 0;
static const double figure_people_think_s = 20;
static const double figure_people_seats_each = 2;
static const double figure_people_login = 0.3;
static const double figure_people_fill_s = 30;
static const double figure_people_card_fails = 0.08;
static const double figure_machine_edge_gb = 32;
static const double figure_machine_edge_connections = 500000;
static const double figure_machine_busy = 0.7;
static const double figure_machine_gigabits = 10;
static const double figure_loop_ticks_per_s = 10;
static const double figure_ticks_most_per_s = 2500;
static const double figure_ticks_work_per_s = 20;
static const double figure_cuts_per_s = 50;
static const double figure_reads_every_s = 0.018;
static const double figure_memory_used = 0.7;
static const double figure_orders_a_call = 0.9;
static const double figure_logins_of_queries = 0.75;
static const double figure_more_edges = 16;
static const double figure_poll_surely = 0.8;
static const double figure_room = 1.15;

#endif

/* engine_test.c: what buyers, orders and the operator may do with seats, and when holds expire.
 * engine_script.h documents the words of a row. */
#include "engine_script.h"
#include "plan_body.h"

/* Category a is sold from 2 s to 9 s, b always, c from 3 s, d like a. Channel 1 opens at 1 s,
 * channel 2 with its category. */
#define CLOCK "sale 2s..9s 0..0 3s..0 2s..9s; channels 0 1s 0; "

static const struct script_row rows[] = {
    /* ---- taking and giving back ---- */
    {"a hold takes all its seats",
     "hall aaaa bbbb; hold a u1 5,1,2; seats .hh..h..; op total 4000 seats 1,2,5 expires 480s;"
     "holder 5 a; holder 4 -"},
    {"a hold that loses a seat takes none and names all that are lost",
     "hall aaaa aaaa; hold a u1 2,6; hold b u2 1,2,5,6 -> seats-taken; op lost 2,6;"
     "seats ..h...h."},
    {"requests that make no sense are refused by name",
     "hall aaaaaaaaaa; hold a u1 - -> no-seats; hold a u1 3,4,3 -> seat-twice; op seat 3;"
     "hold a u1 3,10 -> seat-unknown; op seat 10; hold a u1 0-8 -> too-many; op limit 8;"
     "best a u1 0 -> no-seats; best a u1 9 -> too-many; op limit 8; places a u1 1 -> seat-unknown;"
     "best a u1 1 category=7 -> seat-unknown; seats .........."},
    {"an uncommitted hold keeps its seats from others and cannot be read",
     "hall aaaa; begin hold a u1 0,1; seats hh..; read a -> no-such-hold; undo; seats ....;"
     "read a -> no-such-hold; hold b u2 0,1"},
    {"another session finds no hold", "hall aaaa; hold a u1 0,1; release a u2 -> no-such-hold"},
    {"a hold reads as it was taken",
     "hall aaaa bbbb; hold a u9 6,5,0;"
     "read a state open seats 0,5,6 total 5000 buyer 9 session 9 order no quantity 3"},
    {"a hold ends at the earlier of its two limits",
     "hall aaaa ttl=480s max=479999ms; hold a u1 1; read a expires 479999ms hard-end 479999ms"},
    {"a hold may last as long as its hard end allows",
     "hall aaaa ttl=480s max=480001ms; hold a u1 1; read a expires 480s hard-end 480001ms"},

    /* ---- changing ---- */
    {"a change adds and removes in one step",
     "hall aaaaaa; hold a u1 0,1,2; begin change a u1 add=4,3 remove=1,0; seats hhhhh.; commit;"
     "seats ..hhh.; read a seats 2,3,4 version 2"},
    {"a change that makes no sense changes nothing",
     "hall aaaaaa; hold a u1 0,1; hold b u2 4; change a u1 add=0 -> seat-twice;"
     "change a u1 add=2,2 -> seat-twice; change a u1 remove=2 -> not-in-hold;"
     "change a u1 remove=0,5 -> not-in-hold; change a u1 remove=0,1 -> no-seats;"
     "change a u1 -> no-seats; change a u1 add=4 remove=0 -> seats-taken;"
     "change a u1 add=9 remove=0 -> seat-unknown; change a u1 add=1 remove=1 -> seat-twice"},
    {"a change removes only the hold's own seats",
     "hall aaaaaaaa; hold a u1 2,4; change a u1 remove=1 -> not-in-hold;"
     "change a u1 remove=3 -> not-in-hold; change a u1 remove=5 -> not-in-hold; holder 2 a;"
     "holder 4 a"},
    {"a changed hold has at most as many seats as a new one, and no places",
     "hall aaaaaaaaaaaa; hold a u1 0,1; change a u1 add=2 quantity=1 -> seats-and-area;"
     "change a u1 add=2-10 -> too-many; change a u1 add=2-8 -> too-many; op limit 8;"
     "change a u1 remove=0-64 -> too-many; change a u1 add=2-7; seats hhhhhhhh...."},

    /* ---- orders ---- */
    {"an order extends once, confirms and refunds",
     "hall aaaa; hold a u1 0,1; confirm a o1 -> order-unknown; at 400s; extend a o1;"
     "op expires 700s; at 400005ms; extend a o1 -> same; op expires 700s;"
     "extend a o2 -> other-order; release a u1 -> hold-paying; confirm a o2 -> other-order;"
     "confirm a o1; op verdict confirmed total 2000; seats ss..; confirm a o1 -> same;"
     "op verdict confirmed; release a u1 -> hold-sold; give-up a o1 -> hold-sold;"
     "give-up a o2 -> other-order; refund a o2 -> other-order; refund a o1; seats ....;"
     "refund a o1 -> no-such-hold"},
    {"a refund of a part frees these seats, and the rest stays sold",
     "hall aaaaaa; hold a u1 0-3; refund a o1 -> order-unknown; extend a o1;"
     "refund a o1 seats=1 -> hold-not-sold; confirm a o1; refund a o2 seats=1 -> other-order;"
     "refund a o1 seats=1,4 -> not-in-hold; op seat 4; refund a o1 seats=9 -> seat-unknown;"
     "refund a o1 keep=2 -> seats-and-area; begin refund a o1 seats=3,1; seats ssss..; undo;"
     "seats ssss..; refund a o1 seats=3,1; op kind refunded; op total 2000; seats s.s...;"
     "read a seats 0,2; refund a o1 seats=3,1 -> same; read a state sold; hold b u2 1;"
     "refund a o1 seats=0,2; read a -> no-such-hold; seats .h...."},
    {"a refund of a part frees standing places",
     "hall aaaa floor=10 buyer=9; places a u1 5; extend a o1; confirm a o1;"
     "refund a o1 keep=5 -> same; refund a o1 seats=1 -> seats-and-area; refund a o1 keep=2;"
     "area sold 2; area free 8; buyer 1 2; refund a o1 keep=2 -> same; refund a o1; area sold 0"},
    {"a refund before the sale releases the hold",
     "hall aaaa; hold a u1 0,1; refund a o1 -> order-unknown; extend a o1;"
     "refund a o2 -> other-order; refund a o1; op kind released; seats ....;"
     "confirm a o1 -> no-such-hold"},
    {"an order that gives up before it extends ends the hold",
     "hall aaaa; hold a u1 0,1; give-up a o1; extend a o1 -> no-such-hold; seats ...."},
    {"an order buys the seats and prices it named or nothing",
     "hall aaaa; hold a u1 0,1; extend a o1 buys=0 -> purchase-differs;"
     "extend a o1 buys=0,2 -> purchase-differs; extend a o1 buys=1,0;"
     "extend a o1 buys=0 -> purchase-differs; confirm a o1 buys=0,2 -> purchase-differs;"
     "extend a o1 buys=1,0 -> same; read a purchase newest; confirm a o1 buys=1,0;"
     "confirm a o1 buys=0,2 -> purchase-differs; confirm a o1 buys=1,0 -> same"},
    {"an order pays the event's fees",
     "hall aaaa fees=50,7,1000; hold a u1 0,1; extend a o1 buys=0,1 -> purchase-differs;"
     "extend a o1 buys=0,1 fees=306 -> purchase-differs; extend a o1 buys=0,1 fees=307;"
     "confirm a o1 buys=0,1 fees=307"},
    {"an order for places names their number",
     "hall aaaa floor=10; places a u1 3; extend a o buys-places=2 -> purchase-differs;"
     "extend a o buys-places=3; confirm a o buys-places=3"},
    {"a purchase survives a snapshot",
     "hall aaaa; hold a u1 0,1; extend a o1 buys=0,1; takeover snapshot; read a purchase newest;"
     "confirm a o1 buys=0 -> purchase-differs; confirm a o1 buys=0,1"},
    {"an order without a purchase is not compared",
     "hall aaaa; hold a u1 1; extend a o; read a purchase none; confirm a o buys=3"},
    {"a hold keeps its prices, and so does its purchase",
     "hall aaaa; hold a u1 0; price 0 5000; hold b u1 2; extend b o2 buys=2 -> purchase-differs;"
     "extend a o1 buys=0"},
    {"no extension goes beyond the hard end",
     "hall aaaa; hold a u1 0,1; begin extend a o1 ttl=3600s; op expires 900s; undo; at 480s;"
     "extend a o1 -> hold-expired"},
    {"an order whose name hashes to zero has its hold", /* FNV-1a of this word is 0 */
     "hall aaaa; hold a u1 1,2; extend a 77kepQFQ8Kl; extend a o -> other-order;"
     "release a u1 -> hold-paying; confirm a o -> other-order; confirm a 77kepQFQ8Kl"},
    {"an order hands its hold to the member whose limit counts",
     "hall aaaaaaaaaaaa buyer=4; hold a u1 0,1,2; extend a o1 for=77; extend a o1 for=77 -> same;"
     "hold c u1 4-7; hold b u2 8,9; extend b o2 for=77 -> buyer-limit; op limit 4 has 3;"
     "read b buyer 2 order no; confirm a o1; extend b o2 for=77 -> buyer-limit;"
     "extend b o3 for=78; refund a o1; hold d u77 0-3"},
    {"an undone hand-over counts for nobody",
     "hall aaaaaaaa buyer=4; hold a u1 0,1,2; try extend a o for=77; hold b u77 4-7; hold c u1 3;"
     "release a u1"},

    /* ---- time ---- */
    {"a hold expires at its time and not before",
     "hall aaaa; hold a u1 0,1; at 1s; expire -; at 240s; expire -; at 479999ms; expire -;"
     "at 480064ms; expire a; op kind expired; seats ....; at 480128ms; expire -"},
    {"a hold past its time is expired for its buyer before the timer comes",
     "hall aaaa floor=10; hold a u1 0,1; places b u1 2; at 480s; release a u1 -> hold-expired;"
     "change a u1 add=2 -> hold-expired; change b u1 quantity=1 -> hold-expired"},
    {"an undone expiry is due again a second later",
     "hall aaaa; hold a u1 0,1; at 500s; begin expire a; undo; seats hh..; at 500999ms; expire -;"
     "at 501100ms; expire a"},
    {"an expiry waits for the operation that has the hold",
     "hall aaaa; hold a u1 0,1; at 479999ms; begin extend a o1; at 480999ms; expire -; commit;"
     "at 481999ms; expire -; at 780063ms; expire a"},
    {"spared holds of orders outlive other holds",
     "hall aaaa; hold a u1 0; hold b u2 2; extend a o; spare 490s; at 480064ms; expire b;"
     "at 489936ms; expire -; at 490064ms; expire a"},
    {"a late confirm takes the same seats again if they are free",
     "hall aaaa; hold a u1 0,1; extend a o1; at 600s; expire a; op kind late flags remembered;"
     "seats ....; extend a o1 -> hold-expired; extend a o2 -> other-order;"
     "release a u1 -> hold-expired; hold b u2 1,2; release b u2; at 700s;"
     "confirm a o2 -> other-order; confirm a o1; op verdict retaken; seats ss..;"
     "confirm a o1 -> same; op verdict retaken; refund a o1"},
    {"a late confirm of lost seats names them and may be repeated",
     "hall aaaa; hold a u1 0,1; extend a o1; at 600s; expire a; hold b u2 1,2; at 700s;"
     "confirm a o1 -> seats-gone; op lost 1; seats .hh.; holder 1 b; release b u2; confirm a o1"},
    {"a late confirm takes as many places again",
     "hall aaaa floor=10; places a u1 6; extend a o1; at 600s; expire a; places b u2 5;"
     "confirm a o1 -> seats-gone; release b u2; confirm a o1; op verdict retaken total 12000;"
     "area sold 6"},
    {"a late hold reads with the number of its places",
     "hall aaaa floor=10; hold a u1 1,2; places b u1 3; extend a o; extend b o; at 600s; expire a;"
     "expire b; read a state expired quantity 2 seats - total 0;"
     "read b state expired quantity 3 seats - total 6000"},
    {"a late hold is forgotten after two hours",
     "hall aaaa; hold a u1 0,1; extend a o1; at 600s; expire a; at 7799s; expire -; at 7801s;"
     "expire a; op kind forgotten; confirm a o1 -> no-such-hold"},

    /* ---- areas ---- */
    {"an area sells its capacity and no more",
     "hall aaaa floor=10; places a u1 6; op total 12000; places b u2 5 -> sold-out; area free 4;"
     "begin change a u1 quantity=2; area held 6; commit; area held 2; change a u1 quantity=8;"
     "change a u1 quantity=11 -> too-many; extend a o1; confirm a o1; area sold 8; refund a o1;"
     "area free 10"},
    {"a hold of places is read, bought and given back",
     "hall aaaa floor=30; places a u1 3; read a area 0 quantity 3 seats - total 6000; extend a o;"
     "confirm a o; read a state sold; refund a o; read a -> no-such-hold; publish 1;"
     "counts 1 30 0 0 0"},
    {"seats and places do not mix, not in a journal either",
     "hall aaaa floor=10; hold a u1 1 area=0 quantity=6 -> seats-and-area;"
     "best a u1 2 area=0 -> seats-and-area; begin hold a u1 1;"
     "wrong area=0 quantity=2 says seats and an area at once; commit; begin block 2;"
     "wrong area=0 quantity=2 says seats and an area at once; commit; begin unblock 2;"
     "wrong area=0 quantity=2 says seats and an area at once; commit; area free 10"},
    {"a hold of places takes no seats by a change",
     "hall aaaa floor=10; places a u1 2; change a u1 add=1 quantity=1 -> seats-and-area;"
     "change a u1 remove=1 quantity=1 -> seats-and-area;"
     "change a u1 add=1 remove=1 quantity=1 -> seats-and-area"},
    {"a limit per hold is one of places too",
     "hall aaaa floor=2048; places a u1 0 -> no-seats; places a u1 9 -> too-many; op limit 8;"
     "places a u1 1 area=1 -> seat-unknown; places a u1 8; change a u1 -> no-seats;"
     "change a u1 quantity=9 -> too-many; op limit 8; change a u1 quantity=1;"
     "change a u1 quantity=8; area held 8"},
    {"a hall without seats sells its places",
     "hall hold=64 floor=2000; places a u1 64; best b u1 1 -> sold-out; extend a o; confirm a o;"
     "publish 1; counts 1 1936 0 64 0"},
    {"places of a channel need the channel",
     "hall a2 floor=10 floor-channel=1; places a u1 2 -> channel; places a u1 2 channels=3;"
     "change a u1 quantity=3 -> channel; change a u1 quantity=3 channels=3"},

    /* ---- the operator ---- */
    {"the operator blocks, unblocks and moves",
     "hall aaaaaa; hold a u1 0,1; block 1,2 -> seats-taken; op lost 1; block 3,2; seats hh##..;"
     "hold b u2 2 -> seats-taken; unblock 2,4 -> seats-taken; op lost 4; unblock 2; seats hh.#..;"
     "move a o1 1,0 4,5 -> hold-not-sold; extend a o1; confirm a o1;"
     "move a o2 1,0 4,5 -> other-order; seats ss.#..;"
     "move a o1 1,0 4,5; op total 2000; seats ...#ss; move a o1 1,0 4,5 -> same;"
     "move a o2 1,0 4,5 -> other-order; read a seats 4,5"},
    {"a moved seat keeps its price until it is given back",
     "hall aaa bbb; hold a u1 0,3; extend a o1; confirm a o1; move a o1 3 1; move a o1 0 4;"
     "op total 3000; read a seats 1,4 total 3000; takeover snapshot; refund a o1 seats=1;"
     "op total 2000; read a seats 4 total 1000; refund a o1; hold b u2 1,4; op total 3000"},
    {"what is still being blocked cannot be unblocked",
     "hall aaaa floor=10; begin block 1; unblock 1 -> seats-taken; op lost 1; undo; seats ....;"
     "block 1; begin unblock 1; unblock 1 -> seats-taken; commit; begin block-places 4;"
     "unblock-places 4 -> sold-out; area free 6; undo; area free 10; block-places 4;"
     "area blocked 4"},
    {"the operator's undone operations leave no trace",
     "hall aaaaaa floor=10; hold a u1 0,1; extend a o1; confirm a o1; block 2; try block 3;"
     "try unblock 2; try move a o1 0 5; try refund a o1; try price 0 5; try block-places 3;"
     "unblock-places 3 -> sold-out; block-places 4; try block-places 3; try unblock-places 3;"
     "area blocked 4"},
    {"an unblock names each seat that is not blocked",
     "hall aaaa; block 1,3; unblock 0,1 -> seats-taken; op lost 0; unblock 1-3 -> seats-taken;"
     "op lost 2; unblock 0,2,3 -> seats-taken; op lost 0,2; seats .#.#"},
    {"the operator names seats that exist, each once",
     "hall aaaa floor=10; block - -> no-seats; block 0-128 -> too-many; op limit 128;"
     "block 0,999 -> seat-unknown; op seat 999; block 0,0 -> seat-twice; unblock - -> no-seats;"
     "unblock 999 -> seat-unknown; block-places 1 area=1 -> seat-unknown;"
     "block-places 0 -> no-seats; block-places 11 -> sold-out; unblock-places 1 -> sold-out;"
     "price 9 5 -> seat-unknown; area free 10"},
    {"a move needs the hold's own seats and free ones",
     "hall aaaaaa floor=10; hold a u1 0,1,2; extend a o1; confirm a o1; hold b u2 5;"
     "places c u1 2; extend c o1; confirm c o1; move a o1 0,3 3,4 -> not-in-hold; op seat 3;"
     "move a o1 0,0 3,4 -> seat-twice; move a o1 0,1 3,3 -> seat-twice;"
     "move a o1 0,1 3,9 -> seat-unknown; move a o1 9,1 3,4 -> seat-unknown;"
     "move a o1 0,1 4,5 -> seats-taken; move a o1 0 1 -> seats-taken;"
     "move a o1 3,4 0,5 -> not-in-hold; move a o1 - - -> no-seats;"
     "move a o1 0-64 0-64 -> too-many; op limit 64; move c o1 0 3 -> seats-and-area; refund a o1;"
     "move a o1 0 3 -> no-such-hold"},
    {"an older hold gets no more seats whose price has changed",
     "hall aaaaaa bb floor=10; hold a u1 0; hold c u3 2,3; places d u4 2; price 0 7000;"
     "change a u1 add=1 -> price-changed; op seat 1 price 7000;"
     "change a u1 add=1 remove=0 -> price-changed; change a u1 add=7; op total 3000;"
     "change c u3 remove=2; op total 1000; change d u4 quantity=3; op total 9000; price 2 5000;"
     "change d u4 quantity=4 -> price-changed; op price 5000; change d u4 quantity=1;"
     "op total 3000; price 0 1000; change a u1 add=1; op total 4000"},
    {"a new price is for new holds",
     "hall aaaaaa bb; hold a u1 0; begin price 0 7000; price 0 1 -> hold-busy; commit;"
     "change a u1 add=1 -> price-changed; hold b u2 3; op total 7000; hold c u3 6; op total 2000;"
     "price 1 9000; hold d u4 7; op total 9000; change d u4 add=4; op total 16000"},
    {"several new prices begin at once",
     "hall aaaaaa bb cc; hold a u1 0; begin price 0 7000 2 9000; undo; hold b u2 8; op total 3000;"
     "price 0 5 3 5 -> seat-unknown; price 0 7000 2 9000; hold c u3 2; op total 7000;"
     "hold d u4 9; op total 9000; hold e u5 6; op total 2000; read a total 1000; read b total "
     "3000"},

    /* ---- rules ---- */
    {"a buyer has at most the limit over all holds",
     "hall aaaaaaaa buyer=4 floor=10; hold a u1 0,1,2; hold b u1 4,5 -> buyer-limit;"
     "op has 3 limit 4; places b u1 2 -> buyer-limit; change a u1 add=4,5 -> buyer-limit;"
     "change a u1 add=4,5 remove=0; hold b u1 7 -> buyer-limit; release a u1; hold a u1 0-3;"
     "hold b u2 4-7; buyer 1 4"},
    {"no take leaves a single seat while there is a legal choice",
     "hall aaaaaa aaaaaa orphans; hold a u1 1,2 -> single-seat-left; op seat 0;"
     "hold a u1 0,1,3,4 -> single-seat-left; hold a u1 2,3; hold b u1 0 -> single-seat-left;"
     "seats ..hh........"},
    {"a single seat may be left when no legal choice is",
     "hall aaa aa orphans; hold a u1 0,1 -> single-seat-left; hold b u2 3,4; hold a u1 0,1;"
     "op flags adjacent,orphan,last-resort"},
    {"a party larger than a row leaves no avoidable single seat",
     "hall 3*aaaaaa orphans; hold a u1 0,2,4,6,8,10,12,14 -> single-seat-left; op seat 1;"
     "hold a u1 0-4,6-8 -> single-seat-left; op seat 5; try hold a u1 0-3,6-9;"
     "try hold a u1 0-5,14,15"},
    {"neighbours may leave a single seat if every choice leaves one",
     "hall 2*aaaaaa orphans; propose 5 .hhhhh/......; try hold a u1 6-10;"
     "op flags adjacent,orphan,last-resort; hold a u1 0,1,2,3,5 -> single-seat-left; op seat 4"},
    {"seats apart may leave a single seat where best available would",
     "hall aaa/aaa orphans; hold a u1 0,1,3,4 -> single-seat-left; op seat 2;"
     "try hold a u1 0-2,3,5; op flags orphan,last-resort"},
    {"a need for access is no way round the rule for plain seats",
     "hall Aaaaaaa/(8)a orphans; hold b u2 0 need; hold a u1 2,3 need -> single-seat-left;"
     "op seat 1"},
    {"a seat kept for others is never a neighbour of one on sale to all",
     "hall Aaaaaaa/(8)a orphans; try hold a u1 1,2; hold a u1 2,3 -> single-seat-left; op seat 1;"
     "hall 2aaaaaa/(8)a orphans; try hold a u1 1,2; hold a u1 2,3 -> single-seat-left; op seat 1;"
     "hold a u1 2,3 channels=3 -> single-seat-left; op seat 1;"
     "hall aaaaaA+/(8)a orphans; try hold a u1 3,4; hold a u1 2,3 -> single-seat-left; op seat 4;"
     "hall 22a3aa/222/33 orphans; hold a u1 0 channels=7 -> single-seat-left; op seat 1;"
     "try hold a u1 0,1 channels=7; try hold a u1 3 channels=7; try hold a u1 2"},
    {"seats kept for others end a run at the border of bitmaps",
     "hall (63)a2aaaa/(8)a orphans; try hold a u1 61,62; hold a u1 60,61 -> single-seat-left;"
     "op seat 62; hold a u1 65,66 -> single-seat-left; op seat 64;"
     "hall (64)a2aaaa/(8)a orphans; hold a u1 61,62 -> single-seat-left; op seat 63;"
     "hold a u1 66,67 -> single-seat-left; op seat 65"},
    {"an accessible seat is sold alone to a visitor who needs it",
     "hall A+/AA/A orphans; try hold a u1 0 need; op flags adjacent; try hold a u1 2 need;"
     "op flags adjacent"},
    {"accessible seats are neighbours of others once they are on sale to all",
     "hall Aaaaaa/aaaaaa access=5s orphans; at 4999ms; try hold a u1 1,2;"
     "hold a u1 2,3 -> single-seat-left; op seat 1; at 5s; try hold a u1 2,3;"
     "hold a u1 1,2 -> single-seat-left; op seat 0"},
    {"no hold leaves single a seat that another hold of the visit may free",
     "hall aaaaaa/aaaaa orphans; hold a u1 0; hold b u1 1-5 -> single-seat-left; op seat 0;"
     "try hold b u2 1-5; propose 5 h...../hhhhh; try best b u1 5; op seats 6,7,8,9,10;"
     "hold b u1 4,5; change b u1 add=1-3 -> single-seat-left; op seat 0; change a u1 add=1;"
     "change b u1 add=2,3; hall aaaaaa/(8)a orphans; begin hold a u1 0;"
     "hold b u1 1-5 -> single-seat-left; commit; extend a o; hold b u1 1-5 -> single-seat-left;"
     "confirm a o; try hold b u1 1-5"},
    {"each hold of a visit may be given back alone, or none of them",
     "hall aaaaa/(8)a orphans; hold a u1 2; hold b u1 3,4; hold c u1 0,1 -> single-seat-left;"
     "op seat 2"},
    {"a change gives back seats next to those of another hold of the visit",
     "hall (8)a/(8)a orphans; hold b u1 3; hold a u1 4,5; try change a u1 add=2 remove=4,5;"
     "change a u1 add=2 remove=5 -> single-seat-left; op seat 3"},
    {"seats of the visit are neighbours as others are",
     "hall Aaaaa/(8)a orphans; hold a u1 1; hold b u1 2-4 -> single-seat-left; op seat 1;"
     "hall (130)a hold=64 orphans; hold c u2 0-62; hold a u1 63;"
     "hold b u1 64,65 -> single-seat-left; op seat 63; hall ~aaaa/aaa_aaa orphans; hold a u1 0;"
     "try hold b u1 1-3; hold c u1 6; try hold b u1 7-9; op flags adjacent"},
    {"what best available finds leaves no seat of the visit single",
     "hall aaa#a/#aa#a orphans; hold a u1 0; any 3 h..#./#hh#h; hall aaaaa/#####/#####/aa orphans;"
     "hold a u1 2; any 4 ..hhh/#####/#####/hh; hall aaaaa/aaaaa orphans; hold a u2 0;"
     "offers 1,2 h..11/22.33"},
    {"an aisle ends a row",
     "hall aaa_aaa aaaa orphans; hold a u1 0,1 -> single-seat-left; hold a u1 0,1,2"},
    {"after a sale ends the rule of single seats no longer applies",
     "sale 0..1s; hall aaaa aaaaa orphans; hold a u1 0-3; at 999ms;"
     "change a u1 remove=1 -> single-seat-left; op seat 1; at 1s; change a u1 remove=1;"
     "op flags orphan,last-resort; at 999ms; offers 2,3 h.hh/22.11;"
     "at 1s; offers 2,3 h.hh/....."},
    {"a change at the border of a long row's bitmaps sees both sides",
     "hall (130)a orphans; hold a u1 62-65; change a u1 add=61; change a u1 add=66;"
     "change a u1 remove=62 -> single-seat-left; change a u1 remove=66;"
     "change a u1 add=128 -> single-seat-left; change a u1 add=129 remove=61;"
     "read a seats 62,63,64,65,129"},
    {"seats of a channel need the channel",
     "hall aa22aa; hold a u1 1,2 -> channel; op seat 2; hold a u1 1,2 channels=3;"
     "best b u2 3 -> sold-out; best b u2 3 channels=3"},
    {"every seat is checked, not the first alone",
     CLOCK "hall bba2; at 1999ms; try hold a u1 0,1; hold a u1 0,1,2 -> not-on-sale;"
           "op seat 2 opens 2s; at 2s; try hold a u1 0,1,2; hold a u1 0,2,3 -> channel;"
           "op seat 3; try hold a u1 0,2,3 channels=3"},
    {"a sale begins and ends at its millisecond",
     CLOCK "hall a23bc; at 1999ms; hold a u1 0 -> not-on-sale; op opens 2s;"
           "hold a u1 0 channels=3 -> not-on-sale; op opens 2s;"
           "hold a u1 2 channels=5 -> not-on-sale; op opens 2s; at 2s; try hold a u1 0;"
           "hold a u1 1 -> channel; try hold a u1 2 channels=5; hold a u1 2 channels=3 -> channel;"
           "at 8999ms; try hold a u1 0; at 9s; hold a u1 0 -> not-on-sale; op opens 0;"
           "hold a u1 1 channels=3 -> not-on-sale; op opens 0; try hold a u1 3; at 999ms;"
           "hold a u1 1 channels=3 -> not-on-sale; op opens 1s; at 1s; try hold a u1 1 channels=3;"
           "at 0; try hold a u1 3; at 2999ms; hold a u1 4 -> not-on-sale; op opens 3s"},
    {"an area has the times of its category",
     CLOCK "hall abc floor=10; at 1999ms; places a u1 2 -> not-on-sale; op opens 2s; at 2s;"
           "try places a u1 2; at 8999ms; places a u1 2; at 9s; places b u1 2 -> not-on-sale;"
           "change a u1 quantity=3 -> not-on-sale; change a u1 quantity=1"},
    {"best available looks where the sale is on",
     CLOCK "hall a23 c; at 1999ms; best a u1 1 category=0 -> not-on-sale; op opens 2s; at 2s;"
           "try best a u1 1 category=0; op seats 0; at 8999ms; try best a u1 1 category=0; at 9s;"
           "best a u1 1 category=0 -> not-on-sale; op opens 0;"
           "best a u1 1 category=0 channels=7 -> not-on-sale; at 999ms;"
           "best a u1 1 category=0 channels=3 -> not-on-sale; at 1s;"
           "try best a u1 1 category=0 channels=7; op seats 1;"
           "best a u1 1 category=0 channels=3; op seats 1; at 1500ms;"
           "best b u1 1 category=0 channels=3 -> sold-out"},
    {"best available names the time of the category that was wanted",
     CLOCK "hall ac; block 0; at 1999ms; best a u1 1 category=2 -> not-on-sale; op opens 3s;"
           "at 2s; best a u1 1 category=2 -> not-on-sale"},
    {"best available names the soonest of several sales",
     "sale 3s..0 2s..0 1s..1s; hall abc; at 1s; best a u1 1 -> not-on-sale; op opens 2s; at 2s;"
     "try best a u1 1; op seats 1"},
    {"the soonest sale may be the first category's",
     "sale 2s..0 3s..0 1s..1s; hall abc; at 1s; best a u1 1 -> not-on-sale; op opens 2s; at 2s;"
     "try best a u1 1; op seats 0"},
    {"accessible seats are kept for those who need them",
     "hall aaA+aa access=5s; hold a u1 2 -> accessible-seat; hold a u1 3 -> companion-seat;"
     "best a u1 3 -> sold-out; try best a u1 2 category=0 need; hold a u1 2,3 need;"
     "change a u1 remove=2 need -> companion-seat; release a u1; at 5s; hold a u1 2"},
    {"accessible seats open to all at their millisecond",
     "hall aaA+ access=5s; at 4999ms; hold a u1 0,1,2 -> accessible-seat; op seat 2;"
     "hold a u1 3 -> companion-seat; at 5s; try hold a u1 0,1,2; try hold a u1 3"},
    {"without a time accessible seats never open to all",
     "hall aaA+; at 9999999h; hold a u1 2 -> accessible-seat"},
    {"every companion seat goes with its own accessible seat",
     "hall A+aaA+ +A +a; try hold a u1 0,1 need; try hold a u1 0,1,4,5 need;"
     "hold a u1 0,1,2,5 need -> companion-seat; op seat 5; hold a u1 2,3,5 need -> companion-seat;"
     "try hold a u1 6,7 need; hold a u1 0,2,6 need -> companion-seat; op seat 6;"
     "try hold a u1 8 need"},
    {"a table is sold whole where the plan says so",
     "hall =aaaa ~aaaa orphans; hold a u1 0,1 -> whole-table; hold a u1 5,6; best b u2 4;"
     "seats hhhh.hh."},
    {"every table is taken whole",
     "hall aaaa =aa =aaa ~aa; try hold a u1 4,5; try hold a u1 0,2,4,5; try hold a u1 4-8;"
     "hold a u1 0,1,4 -> whole-table; op seat 4; hold a u1 4,5,6,8 -> whole-table; op seat 6;"
     "hold a u1 8 -> whole-table; try hold a u1 0,9"},
    {"a proposal is free and holds nothing", "hall aaaaaa; propose 4 *; seats ......; hold a u2 "
                                             "0-2; propose 4 sold-out; propose 9 too-many;"
                                             "propose 0 no-seats"},
    {"alternatives are as many seats of the same category",
     "hall aaaa aaaa bbbb; hold a u2 1,2; offers 1,2 .hh./2211/....;"
     "offers - .hh./..../....; offers 0-64 .hh./..../....; offers 4,12 .hh./..../....;"
     "offers 99 .hh./..../...."},

    /* ---- full tables ---- */
    {"a full table of buyers refuses holds and confirms of paid orders",
     "hall aaaa buyer=4 floor=10; hold a u1 0,1; places b u1 2; extend a o; extend b o; at 600s;"
     "expire a; expire b; full buyers; hold c u2 0,1 -> full; places c u2 3 -> full;"
     "confirm a o -> full; confirm b o -> full; free buyers; confirm a o; confirm b o;"
     "places c u1 1 -> buyer-limit; op has 4"},
    {"without a free slot a hold is refused and counts for nobody",
     "hall aaaaaa buyer=4 floor=10; hold a u1 0; full slots; hold b u1 2,3,4 -> full;"
     "places b u1 3 -> full; best b u1 3 category=0 -> full; free slots; seats h.....;"
     "area free 10; buyer 1 1; hold b u1 2,3,4"},
};

/* ---- what a row cannot say ---- */

TEST_CASE(an_unused_price_list_is_reused)
{
    engine_script("hall aaaa; hold a u1 0");
    for (uint32_t i = 1; i <= 2 * PRICE_LISTS_MAX; i++)
        engine_script("price 0 %u", i);
    engine_script("read a list 0 total 1000; hold b u2 1; op total %d; takeover snapshot;"
                  "price 0 7; hold c u3 2; op total 7; read b total %d",
                  2 * PRICE_LISTS_MAX, 2 * PRICE_LISTS_MAX);
}

TEST_CASE(a_price_list_of_a_hold_is_not_reused)
{
    engine_script("hall 8*(150)a; hold a u1 0; extend a o; confirm a o; price 0 1");
    for (uint32_t i = 2; i < PRICE_LISTS_MAX; i++)
        engine_script("hold b u1 %u; price 0 %u", i, 2000 + i);
    engine_script(
        "price 0 5999 -> prices-full; op limit %d; begin refund a o; price 0 5999 -> "
        "prices-full; undo; price 0 5999 -> prices-full; refund a o;"
        "begin hold c u2 0; price 0 5996; price 0 5997 -> prices-full; undo; price 0 5997;"
        "hold d u2 0; op total 5997; read b total %d; takeover snapshot;"
        "price 0 5998; price 0 5999 -> prices-full",
        PRICE_LISTS_MAX, 2000 + PRICE_LISTS_MAX - 2);
    engine_script(
        "price 0 2005; hold e u2 1060; op total 2005; price 0 2005; price 0 2006; takeover;"
        "hold f u2 1061; op total 2006; read e total 2005");
    engine_script(
        "hall aaaa; hold a u1 0; extend a o; confirm a o; price 0 5; takeover snapshot;"
        "price 0 1000; hold b u2 1; read b list 0 total 1000; price 0 6; refund a o;"
        "takeover snapshot; price 0 7; hold c u2 2; op total 7; read b list 0 total 1000");
}

TEST_CASE(a_hold_being_written_at_its_end_expires_a_moment_later)
{
    struct engine_world *world = &engine_world;
    engine_script("hall aaaa; hold a u1 1,2; expire -"); /* enters the wheel */
    uint64_t id = engine_script_hold('a');
    assert_int_equal(hold_own(&world->engine->holds, id), HOLD_OWNED);
    hold_write_begin(&world->engine->holds, hold_slot_of(id));
    engine_script("at %dms; expire -", 480000 + WHEEL_TICK_MS);
    hold_write_end(&world->engine->holds, hold_slot_of(id));
    engine_script("at %dms; expire a; seats ....", 480000 + EXPIRE_BUSY_MS + 3 * WHEEL_TICK_MS);
}

/* Wraps the wheel's due_ms callback: right after its nth call, another thread acts. */
static struct meddler {
    uint64_t (*due_ms)(void *ctx, uint32_t slot);
    void (*act)(void);
    unsigned at, asked;
} meddler;

static uint64_t due_then_act(void *ctx, uint32_t slot)
{
    uint64_t due_ms = meddler.due_ms(ctx, slot);
    if (++meddler.asked == meddler.at)
        meddler.act();
    return due_ms;
}

static void own(void)
{
    assert_int_equal(hold_own(&engine_world.engine->holds, engine_script_hold('a')), HOLD_OWNED);
}

static void sell(void)
{
    engine_script("begin confirm a o; commit 2"); /* op 1 is the expiry */
}

static void spare(void)
{
    engine_script("spare 482s");
}

TEST_CASE(a_hold_that_is_no_longer_due_is_left_alone)
{
    static const struct {
        void (*act)(void);
        bool frees, expires;
    } cases[] = {{own, true, true}, {sell, false, false}, {spare, false, true}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool acted = true;
        for (unsigned at = 1; acted; at++) {
            engine_script("hall aaaa; hold a u1 1,2; extend a o; at 481s");
            struct engine *engine = engine_world.engine;
            struct engine_op op;
            meddler = (struct meddler){engine->wheel.due_ms, cases[i].act, at, 0};
            engine->wheel.due_ms = due_then_act;
            engine_world.begun[0] = true; /* `op` is under way */
            bool expired = engine_expire_next(engine, TEST_NOW_MS + 481000, &op);
            engine_world.begun[0] = false;
            engine->wheel.due_ms = meddler.due_ms;
            acted = meddler.asked >= at;
            assert_int_equal(expired, !acted);
            if (expired)
                engine_undo(engine, &op);
            if (acted && cases[i].frees)
                hold_disown(&engine->holds, hold_slot_of(engine_script_hold('a')));
            if (acted)
                engine_script(cases[i].expires ? "at 483s; expire a" : "at 483s; expire -");
        }
    }
}

/* No engine writes such a journal, and no order matches such a hold. */
TEST_CASE(a_hold_sold_without_an_order_belongs_to_no_order)
{
    engine_script("hall aaaa; begin hold a u1 2");
    struct change change = engine_world.op->change;
    assert_int_equal(engine_apply(engine_world.follower, &change, NULL), 0);
    change.kind = CHANGE_CONFIRMED;
    change.hold_version = 2;
    change.verdict = CHANGE_VERDICT_CONFIRMED;
    assert_int_equal(engine_apply(engine_world.follower, &change, NULL), 0);
    engine_world.begun[0] = false; /* its owner is gone */
    engine_script("takeover; extend a o -> hold-sold; confirm a o -> order-unknown");
}

TEST_CASE(each_area_counts_in_the_state_and_in_a_snapshot)
{
    engine_world.plan = plan_body_taken(
        "{'name':'S','currency':'KRW','categories':[{'name':'A','price':1}],'areas':["
        "{'id':'a','category':'A','capacity':9},{'id':'b','category':'A','capacity':9},"
        "{'id':'c','category':'A','capacity':9}],'plan':{'name':'','categories':[],'zones':[]}}");
    engine_script_open();
    uint64_t last = engine_state_hash(engine_world.engine);
    for (unsigned area = 0; area < 3; area++) {
        engine_script("block-places %u area=%u", area + 1, area);
        assert_int_not_equal(engine_state_hash(engine_world.engine), last);
        last = engine_state_hash(engine_world.engine);
    }
    engine_script("publish 1; counts 0 21 0 0 6; takeover snapshot");
    for (unsigned area = 0; area < 3; area++)
        engine_script("unblock-places %u area=%u -> sold-out; unblock-places %u area=%u", area + 2,
                      area, area + 1, area);
}

UNIT_BETWEEN(NULL, engine_script_end)
SCRIPT_TESTS(rows, engine_script_verbs())

/* hall_page.h: the hall's page, /seats/{event}: map, list and cart. Everything it shows it reads
 * through the calls of seat-service/openapi.yaml, as anybody could. */
#ifndef FG_SEAT_SERVICE_HALL_PAGE_H
#define FG_SEAT_SERVICE_HALL_PAGE_H

#include "web/site.h"

/* `brand` is borrowed; *out is to end with site_destroy(). */
int hall_page_create(const struct brand_settings *brand, struct err_slot *err, struct site **out);

#endif

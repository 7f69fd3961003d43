/* hall_page.h: the hall's page, /seats/{event}: map, list and cart. It uses only the public calls
 * of seat-service/openapi.yaml. */
#ifndef FG_SEAT_SERVICE_HALL_PAGE_H
#define FG_SEAT_SERVICE_HALL_PAGE_H

#include "web/site.h"

/* `brand` is borrowed; free *out with site_destroy(). */
int hall_page_create(const struct brand_settings *brand, struct err_slot *err, struct site **out);

#endif

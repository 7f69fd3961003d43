/* unit_main.c: main() for test programs without their own. */
#include "unit.h"

int main(void)
{
    return unit_run();
}

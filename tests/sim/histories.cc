#include "tests/sim/histories.h"

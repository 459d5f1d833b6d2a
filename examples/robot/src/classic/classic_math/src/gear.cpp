#include "classic_math/gear.h"

namespace classic_math
{
double geared(double speed, double ratio) { return speed / ratio; }
}  // namespace classic_math

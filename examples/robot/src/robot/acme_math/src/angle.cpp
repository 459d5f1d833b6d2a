#include "acme_math/angle.hpp"

#include <cmath>

namespace acme_math
{
double normalize(double angle) { return std::remainder(angle, 2.0 * M_PI); }
}  // namespace acme_math

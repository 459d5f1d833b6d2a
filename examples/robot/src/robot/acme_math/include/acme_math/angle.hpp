#pragma once

namespace acme_math
{
/// The same direction between -pi and pi, in radians.
double normalize(double angle);
}  // namespace acme_math

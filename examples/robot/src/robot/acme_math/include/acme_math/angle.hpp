#pragma once

/// Mathematics of wheeled robots.
namespace acme_math
{
/// The same direction between -pi and pi, in radians.
///
/// \param angle any angle, in radians
/// \return the angle that a robot would turn to
double normalize(double angle);
}  // namespace acme_math

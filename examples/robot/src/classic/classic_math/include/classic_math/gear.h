#pragma once

namespace classic_math
{
/// Speed behind a gear.
double geared(double speed, double ratio);
}  // namespace classic_math

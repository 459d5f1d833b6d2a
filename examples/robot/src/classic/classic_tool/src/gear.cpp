#include <classic_math/gear.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char ** argv)
{
  std::printf("%g\n", classic_math::geared(argc > 1 ? std::atof(argv[1]) : 1.0, 4.0));
}

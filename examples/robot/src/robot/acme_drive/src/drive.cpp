#include <acme_math/angle.hpp>
#include <acme_msgs/Twist.hpp>
#include <tinyxml2.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char ** argv)
{
  acme_msgs::Twist twist;
  twist.frame = "base";
  twist.angular = acme_math::normalize(argc > 1 ? std::atof(argv[1]) : 0.0);
  tinyxml2::XMLPrinter printer;
  printer.OpenElement("twist");
  printer.PushAttribute("frame", twist.frame.c_str());
  printer.PushAttribute("angular", twist.angular);
  printer.CloseElement();
  std::printf("%s", printer.CStr());
}

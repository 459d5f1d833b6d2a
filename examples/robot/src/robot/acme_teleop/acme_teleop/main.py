"""Drives the robot by hand."""
import sys

from acme_msgs.msg import Twist
import yaml


def main():
    """Prints the twist that the first argument asks for, in metres per second."""
    twist = Twist(linear=float(sys.argv[1]) if len(sys.argv) > 1 else 0.5, frame='base')
    print(yaml.safe_dump(vars(twist)), end='')

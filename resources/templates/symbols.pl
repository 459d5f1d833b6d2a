# Writes the parts of dpkg's symbols files that dpkg-shlibdeps needs for some programs and libraries:
#   readelf --wide --dynamic --dyn-syms FILE... | perl symbols.pl INFO TO
# dpkg-shlibdeps reads whole files of many thousands of symbols, which takes most of its time. INFO is dpkg's folder of
# control files. TO gets files of the same names, with the needed libraries' used symbols. The dependency on a package
# starts from the least version of any symbol, so a symbol of each version stays as well.
use strict;
use warnings;
my ($info, $to) = @ARGV;
my (%needed, %used);
# A symbol that a program copies from a library is defined in both.
while (<STDIN>) {
  if (/\(NEEDED\).*\[(.*)\]/) { $needed{$1} = 1; }
  elsif (/ (?:UND|ABS|COM|\d+) ([^\s@]+)\S*(?: \(\d+\))?$/) { $used{$1} = 1; }
}
my @patterns = map { s/([][.*+?(){}|^\$\\])/\\$1/gr } keys %needed;
my @files = glob "$info/*.symbols";
if (!@patterns || !@files) { exit; }
open my $found, '-|', 'grep', '-lE', '^(' . join('|', @patterns) . ') ', @files or die "grep: $!";
while (my $file = <$found>) {
  chomp $file;
  open my $in, '<', $file or die "$file: $!";
  open my $out, '>', $to . '/' . $file =~ s{.*/}{}r or die "$to: $!";
  my ($wanted, %versions);
  while (<$in>) {
    if (/^([^\s|*#]\S*) /) {
      $wanted = $needed{$1};
      %versions = ();
    }
    next if !$wanted;
    # Lines of another form, such as patterns, stay.
    if (/^ ([^\s("@]+)@\S+ (.*)/) { next if !$used{$1} && $versions{$2}++; }
    print $out $_;
  }
  close $out or die "$to: $!";
}

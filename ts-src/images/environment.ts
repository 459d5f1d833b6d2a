/**
 * Shell code that sets up the environment of some prefixes, lowest first: by the prefix's own setup.sh, else by search
 * paths. Prefixes need no quoting: the schema allows letters, digits and "_+./-" only.
 */
export function environmentScript(prefixes: readonly string[]): string {
  const one = (prefix: string): string => `if [ -e ${prefix}/setup.sh ]; then
  . ${prefix}/setup.sh
else
  PATH=${prefix}/bin:$PATH
  LD_LIBRARY_PATH=${prefix}/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  CMAKE_PREFIX_PATH=${prefix}\${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}
  ROS_PACKAGE_PATH=${prefix}/share\${ROS_PACKAGE_PATH:+:$ROS_PACKAGE_PATH}
  for site in ${prefix}/lib/python3*/site-packages ${prefix}/lib/python3/dist-packages; do
    if [ -d "$site" ]; then PYTHONPATH=$site\${PYTHONPATH:+:$PYTHONPATH}; export PYTHONPATH; fi
  done
  unset site
  export PATH LD_LIBRARY_PATH CMAKE_PREFIX_PATH ROS_PACKAGE_PATH
fi
`;
  return `# Environment of the packages of this image; made by slipway.\n${prefixes.map(one).join('')}`;
}

// Loaded into slipway before it begins: kills it, as kill -9 does, before the write of the number that KILL_AT says.
// Writes are all calls that change what lies on the disk, but for folders where work goes on that nobody looks into
// after a kill.
const fs = require('node:fs');
const at = Number(process.env.KILL_AT);
let writes = 0;
const handles = new Map();
const matters = (path) => typeof path !== 'string' || !/\/\.slipway\/work\/|\/logs\/|^\/tmp\//.test(path);
const count = (path) => {
  if (matters(path) && ++writes === at) process.kill(process.pid, 'SIGKILL');
};
const { openSync } = fs;
fs.openSync = (path, ...rest) => {
  const handle = openSync(path, ...rest);
  handles.set(handle, path);
  return handle;
};
for (const name of [
  'renameSync',
  'linkSync',
  'symlinkSync',
  'copyFileSync',
  'writeFileSync',
  'appendFileSync',
  'rmSync',
  'unlinkSync',
  'truncateSync',
  'cpSync',
]) {
  const real = fs[name];
  fs[name] = (...args) => {
    count(
      name === 'renameSync' ||
        name === 'linkSync' ||
        name === 'symlinkSync' ||
        name === 'copyFileSync' ||
        name === 'cpSync'
        ? args[1]
        : args[0],
    );
    return real(...args);
  };
}
const { writeSync } = fs;
fs.writeSync = (handle, ...rest) => {
  if (handles.has(handle)) count(handles.get(handle));
  return writeSync.call(fs, handle, ...rest);
};

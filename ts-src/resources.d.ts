declare module '*.sh' {
  const text: string;
  export default text;
}
declare module '*.pl' {
  const text: string;
  export default text;
}
declare module '*.mustache' {
  const text: string;
  export default text;
}
declare module '*.css' {
  const text: string;
  export default text;
}
declare module '*.client' {
  const text: string;
  export default text;
}
declare module '*.xsd' {
  const text: string;
  export default text;
}
declare module '*.xml' {
  const text: string;
  export default text;
}
declare module '*.c' {
  const text: string;
  export default text;
}
/** The files of deploy/, path → text. */
declare module 'slipway:deploy' {
  const files: Readonly<Record<string, string>>;
  export default files;
}
/** Version in package.json, defined by the bundler. */
declare const SLIPWAY_VERSION: string;
/** SHA-256 of the program's code, computed by the bundler. */
declare const SLIPWAY_DIGEST: string;
declare module '*.py' {
  const text: string;
  export default text;
}
declare module '*.conf' {
  const text: string;
  export default text;
}
declare module '*.txt' {
  const text: string;
  export default text;
}
declare module '*.browser' {
  const text: string;
  export default text;
}

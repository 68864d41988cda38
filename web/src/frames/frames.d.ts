// The path of a page that runs this module, and nothing else, in a sandboxed frame (scripts/frames.ts makes it).
declare module '*?frame' {
    const path: string;
    export default path;
}

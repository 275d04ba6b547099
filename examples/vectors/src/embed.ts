/**
 * Prints the vector of a drawing, as `--embedding` and `embedding=` take it: `node src/embed.ts "M4 12h16M12 4v16"`.
 * The drawing is the path data of an SVG of 24 by 24, drawn with a pen 2 wide, or a whole packed drawing of
 * `examples/symbols/src/shape.ts`.
 */
import { pictureOf } from "./picture.ts";

const [drawing] = process.argv.slice(2);
if (!drawing) throw new Error('expected a drawing, such as "M4 12h16M12 4v16"');
console.log(pictureOf(/^\d+[sf] /.test(drawing) ? drawing : `24s ${drawing}`).join(","));

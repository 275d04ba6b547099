/** `prepack` of every package: as it stands in the repository it has no JavaScript, and would fail once installed. */
process.stderr.write("A package of the sources runs nowhere else: `npm run pack` at the root makes tarballs.\n");
process.exitCode = 1;

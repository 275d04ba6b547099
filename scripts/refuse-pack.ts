/** `prepack` of every package: as it stands here it has no JavaScript, and would fail where it is installed. */
process.stderr.write(
  "A package of the sources would not run anywhere else: `npm run pack` at the root makes tarballs.\n",
);
process.exitCode = 1;

/** A pair of vertices; the first lies in the node (or child) the edge comes from. */
type Edge = readonly [number, number];

const free = 0;
const outer = 1;
const inner = 2;

/** A vertex, or a blossom: an odd cycle of nodes that acts as one vertex. */
interface Node {
  /** Its one vertex that is matched outside of it, or not yet. */
  base: number;
  /** Children of a blossom around the cycle, the one with the base first; empty for a vertex. */
  children: Node[];
  /** edges[i] joins children i and i + 1, the last one closes the cycle. */
  edges: Edge[];
  /** Dual variable of a blossom, counted by every edge inside of it. */
  dual: number;
  label: number;
  /** The edge by which an outermost node got its label, from its parent in the tree; null at a root. */
  entry: Edge | null;
}

/**
 * Perfect matching of largest total weight in a complete graph with an even number of vertices: Edmonds' blossom
 * algorithm (Edmonds 1965) in its primal-dual form. Every dual step scans all edges for the next event, O(n²), which
 * gives O(n⁴) at worst and some ten milliseconds for 64 vertices.
 *
 * @returns mate of each vertex
 */
export function maxWeightPerfectMatching(n: number, weight: (u: number, v: number) => number): Int32Array {
  return new Matching(n, weight).solve();
}

class Matching {
  private readonly n: number;
  private readonly weights: Float64Array;
  /** Dual variables of the vertices. */
  private readonly duals: Float64Array;
  private readonly mate: Int32Array;
  private readonly vertices: Node[];
  /** Outermost node around each vertex. */
  private readonly top: Node[];

  constructor(n: number, weight: (u: number, v: number) => number) {
    this.n = n;
    this.weights = new Float64Array(n * n);
    for (let u = 0; u < n; u++) for (let v = 0; v < n; v++) if (u !== v) this.weights[u * n + v] = weight(u, v);
    this.duals = new Float64Array(n).fill(this.weights.reduce((a, b) => Math.max(a, b), 0) / 2);
    this.mate = new Int32Array(n).fill(-1);
    this.vertices = Array.from({ length: n }, (_, v) => ({
      base: v,
      children: [],
      edges: [],
      dual: 0,
      label: free,
      entry: null,
    }));
    this.top = this.vertices.slice();
  }

  solve(): Int32Array {
    for (let stage = 0; stage < this.n / 2; stage++) {
      for (const node of new Set(this.top)) {
        node.label = this.mate[node.base] === -1 ? outer : free;
        node.entry = null;
      }
      while (!this.advance());
    }
    return this.mate;
  }

  /** Lowers the duals to the next event and acts on it; true when that was an augmentation. */
  private advance(): boolean {
    const { n, top, duals, weights } = this;
    let delta = Number.POSITIVE_INFINITY;
    let edge: Edge | null = null;
    let dissolved: Node | null = null;
    for (let u = 0; u < n; u++) {
      if (top[u]!.label !== outer) continue;
      for (let v = 0; v < n; v++) {
        if (top[v] === top[u] || top[v]!.label === inner) continue;
        const slack = duals[u]! + duals[v]! - weights[u * n + v]!;
        const needed = top[v]!.label === outer ? slack / 2 : slack;
        if (needed < delta) {
          delta = needed;
          edge = [u, v];
        }
      }
    }
    const outermost = new Set(top);
    for (const node of outermost) {
      if (node.children.length > 0 && node.label === inner && node.dual / 2 < delta) {
        delta = node.dual / 2;
        dissolved = node;
      }
    }
    delta = Math.max(0, delta);
    for (let v = 0; v < n; v++) duals[v]! -= signOf(top[v]!) * delta;
    for (const node of outermost) if (node.children.length > 0) node.dual += 2 * signOf(node) * delta;
    if (dissolved) {
      this.dissolve(dissolved);
      return false;
    }
    const [u, v] = edge!;
    if (top[v]!.label === free) {
      this.grow(u, v);
      return false;
    }
    return this.join(u, v);
  }

  /** Takes the free node of v and the node matched to it into the tree of u. */
  private grow(u: number, v: number): void {
    const node = this.top[v]!;
    node.label = inner;
    node.entry = [u, v];
    const matched = this.mate[node.base]!;
    const next = this.top[matched]!;
    next.label = outer;
    next.entry = [node.base, matched];
  }

  /** An edge between two outer nodes closes a blossom, or an augmenting path if their trees differ. */
  private join(u: number, v: number): boolean {
    const fromU = this.pathToRoot(u);
    const fromV = this.pathToRoot(v);
    if (fromU[fromU.length - 1] !== fromV[fromV.length - 1]) {
      this.flip(u, v);
      this.flip(v, u);
      return true;
    }
    const meeting = fromU.find((node) => fromV.includes(node))!;
    const down = fromU.slice(0, fromU.indexOf(meeting)).reverse();
    const up = fromV.slice(0, fromV.indexOf(meeting));
    const blossom: Node = {
      base: meeting.base,
      children: [meeting, ...down, ...up],
      edges: [...down.map((node) => node.entry!), [u, v], ...up.map(({ entry }): Edge => [entry![1], entry![0]])],
      dual: 0,
      label: outer,
      entry: meeting.entry,
    };
    this.setTop(blossom, blossom);
    return false;
  }

  private pathToRoot(u: number): Node[] {
    const path = [this.top[u]!];
    for (let entry = path[0]!.entry; entry; entry = path[path.length - 1]!.entry) path.push(this.top[entry[0]]!);
    return path;
  }

  /** Matches s to `partner` and flips the path from s to its root. */
  private flip(s: number, partner: number): void {
    for (;;) {
      const node = this.top[s]!;
      this.rebase(node, s);
      this.mate[s] = partner;
      if (!node.entry) return;
      const parent = this.top[node.entry[0]]!;
      const [above, below] = parent.entry!;
      this.rebase(parent, below);
      this.mate[below] = above;
      s = above;
      partner = below;
    }
  }

  /** Rearranges the matching inside a blossom so that v is the vertex matched outside. */
  private rebase(node: Node, v: number): void {
    const k = node.children.length;
    if (k === 0) return;
    const i = node.children.findIndex((child) => contains(child, v));
    this.rebase(node.children[i]!, v);
    // Children (1,2), (3,4), ... were matched; now those between the old base and the new one pair up the other way.
    const from = i % 2 === 0 ? 0 : i + 1;
    const to = i % 2 === 0 ? i : k;
    for (let j = from; j < to; j += 2) {
      const [a, b] = node.edges[j]!;
      this.rebase(node.children[j]!, a);
      this.rebase(node.children[(j + 1) % k]!, b);
      this.mate[a] = b;
      this.mate[b] = a;
    }
    node.children = [...node.children.slice(i), ...node.children.slice(0, i)];
    node.edges = [...node.edges.slice(i), ...node.edges.slice(0, i)];
    node.base = v;
  }

  /** Breaks up an inner blossom: the children on the even way from its entry to its base stay in the tree. */
  private dissolve(blossom: Node): void {
    const { children, edges } = blossom;
    const k = children.length;
    for (const child of children) {
      child.label = free;
      child.entry = null;
      this.setTop(child, child);
    }
    let at = children.findIndex((child) => contains(child, blossom.entry![1]));
    const down = at % 2 === 0;
    children[at]!.label = inner;
    children[at]!.entry = blossom.entry;
    for (let label = outer; at % k !== 0; label = label === outer ? inner : outer) {
      const edge = down ? edges[at - 1]! : edges[at]!;
      at = down ? at - 1 : (at + 1) % k;
      children[at]!.label = label;
      children[at]!.entry = down ? [edge[1], edge[0]] : edge;
    }
  }

  private setTop(node: Node, top: Node): void {
    if (node.children.length === 0) this.top[node.base] = top;
    else for (const child of node.children) this.setTop(child, top);
  }
}

function contains(node: Node, v: number): boolean {
  return node.children.length === 0 ? node.base === v : node.children.some((child) => contains(child, v));
}

function signOf(node: Node): number {
  if (node.label === free) return 0;
  return node.label === outer ? 1 : -1;
}

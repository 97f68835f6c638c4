// The page of a plan: draws nodes by GPUs, and shows what a worker binds and runs, by what readPlan has found.
// Text is only ever set as text, never as markup; names and commands are anybody's.
"use strict";
(() => {
  const plan = JSON.parse(document.getElementById("plan").textContent);
  const { tasks, byNode, gpusOf, rowsOf, hostOf, numberOf, nameOf, idOf, block, runs, fill, wordsOf, commandOf, shown,
    search: tasksFor } = readPlan(plan);
  const grid = document.getElementById("grid");
  const details = document.getElementById("details");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const AT_ONCE = 100; // rows that unfold at a time
  const MOST_RANKS = 64; // buttons of a worker's other tasks

  function make(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
      else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...inside);
    return element;
  }

  function asText(parts) {
    return parts.map((part) => part.later
      ? make("span", { class: "later", title: "known when the job runs" }, `{${part.later}}`) : part);
  }

  // ---- the grid ----

  const mostGpus = Math.max(...plan.nodes.gpus.map(([, gpus]) => gpus)); // a node with fewer has room on its right
  const cellsOf = new Map(); // the buttons of a task, of those rows that are there

  function lanes(placed) { // workers that share GPUs stand below one another
    const ends = [];
    return placed.map((task) => {
      const first = task.row.gpus[0];
      let lane = ends.findIndex((end) => end < first);
      if (lane < 0) lane = ends.length;
      ends[lane] = task.row.gpus[task.row.gpus.length - 1];
      return lane + 1;
    });
  }

  function button(tasks, kind, ...inside) { // of one task, or of all that a worker has on a node
    const [task] = tasks;
    const { row, role } = task;
    const host = hostOf(row.node);
    const where = `node ${row.node}${host ? ` ${host}` : ""}`;
    const gpus = row.gpus.length ? `, GPU ${runs(row.gpus)}` : "";
    const made = make("button", {
      type: "button", class: kind, title: portText(task), "aria-label": `${nameOfAll(tasks)}, ${where}${gpus}`,
      "aria-controls": "details", style: role.colour ? { "--role": role.colour } : {},
    }, ...inside);
    made.task = task;
    for (const each of tasks) cellsOf.set(each, [...(cellsOf.get(each) || []), made]);
    if (tasks.includes(picked)) made.classList.add("picked");
    if (hits && tasks.some((each) => hits.has(each))) made.classList.add("hit");
    return made;
  }

  function numbersOf(tasks) { // 3, 3.1, or 3.8-15 where each GPU has a task
    const last = tasks[tasks.length - 1].row.rank;
    return numberOf(tasks[0]) + (tasks.length > 1 ? `-${last}` : "");
  }

  const nameOfAll = (tasks) => `${tasks[0].role.name} ${numbersOf(tasks)}`;

  function title(tasks) { // the style hides the role where it does not fit, by how long it is
    const length = nameOfAll(tasks).length;
    const kind = length <= 7 ? "short" : length <= 10 ? "usual" : "long";
    return make("b", {}, make("span", { class: kind }, tasks[0].role.name + " "), numbersOf(tasks));
  }

  const portText = (task) => task.row.ports.map(([name, first, count]) => `${name} ${block(first, count)}`).join(", ");

  function bars(node) {
    const own = byNode.get(node) || [];
    const workers = new Map(); // of a task for each GPU all have the worker's GPUs: one bar
    for (const task of own.filter(({ row }) => row.gpus.length)) {
      const key = `${task.role.name}/${task.row.worker}`;
      workers.set(key, [...(workers.get(key) || []), task]);
    }
    const placed = [...workers.values()];
    placed.sort(([a], [b]) => a.row.gpus[0] - b.row.gpus[0] || !!a.role.shares - !!b.role.shares);
    const lane = lanes(placed.map(([task]) => task));
    const bar = make("div", { class: "gpus", style: { "--gpus": `${mostGpus || 1}` } });
    placed.forEach((tasks, at) => {
      for (const part of runs(tasks[0].row.gpus).split(", ")) {
        const [low, high] = part.split("-").map(Number);
        const cell = button(tasks, "cell", title(tasks), make("small", {}, portText(tasks[0])));
        cell.style.gridArea = `${lane[at]} / ${low + 1} / auto / span ${(high ?? low) - low + 1}`;
        bar.append(cell);
      }
    });
    const held = new Set(placed.flatMap(([task]) => task.row.gpus));
    const free = Array.from({ length: gpusOf[node] }, (_, gpu) => gpu).filter((gpu) => !held.has(gpu));
    for (const part of free.length ? runs(free).split(", ") : []) {
      const [low, high] = part.split("-").map(Number);
      const empty = make("div", { class: "gpu-free", title: `free: GPU ${part}` });
      empty.style.gridArea = `1 / ${low + 1} / auto / span ${(high ?? low) - low + 1}`;
      bar.append(empty);
    }
    return [bar, make("div", { class: "chips" }, ...own.filter((task) => !task.row.gpus.length).map(
      (task) => button([task], "chip-task", nameOf(task))))];
  }

  // Of a long host its first part says which it is; all of it stands in the details.
  const short = (host) => host.length > 18 && /^[a-z]/i.test(host) ? host.split(".")[0] : host;

  function nodeRow(node) {
    const notes = [short(hostOf(node)), node === plan.nodes.head ? "head node" : ""].filter(Boolean);
    const label = make("div", { class: "label" }, `node ${node}`, ...notes.map((note) => make("small", {}, note)));
    return make("div", { class: "node", role: "group", "aria-label": `node ${node}` }, label,
      make("div", {}, ...bars(node)));
  }

  function scale() { // some numbers of many
    const step = [1, 2, 4, 8, 16, 32, 64].find((each) => mostGpus / each <= 18) || mostGpus;
    const marks = make("div", { class: "gpus", style: { "--gpus": `${mostGpus || 1}` } });
    for (let gpu = 0; gpu < mostGpus; gpu += step) {
      const mark = make("span", {}, gpu ? `${gpu}` : "GPU 0");
      mark.style.gridColumn = `${gpu + 1} / span ${Math.min(step, mostGpus - gpu)}`;
      marks.append(mark);
    }
    return make("div", { class: "scale", "aria-hidden": "true" }, make("div", { class: "label" }), marks);
  }

  const countOf = (likes) => likes.reduce((sum, [, count]) => sum + count, 0);

  function* nodesOf(likes) {
    for (const [first, count, step] of likes) for (let at = 0; at < count; at++) yield first + at * step;
  }

  function fold(first, likes, said) { // equal nodes behind a button, so many at a time
    const count = countOf(likes);
    const box = make("div", { class: "unfolded", hidden: true });
    const text = `${count} ${count === 1 ? "node" : "nodes"} as node ${first}: ${said}`;
    const opener = make("button", { type: "button", class: "more", "aria-expanded": "false" }, text);
    opener.addEventListener("click", () => {
      box.hidden = !box.hidden;
      opener.setAttribute("aria-expanded", String(!box.hidden));
      if (!box.childElementCount) inParts(box, nodesOf(likes), count);
    });
    return [opener, box];
  }

  function inParts(box, nodes, left) {
    for (let at = 0; at < AT_ONCE && left > 0; at++, left--) box.append(nodeRow(nodes.next().value));
    if (left <= 0) return;
    const more = make("button", { type: "button", class: "more" }, `${Math.min(left, AT_ONCE)} more of ${left}`);
    more.addEventListener("click", () => {
      const last = more.previousElementSibling;
      more.remove();
      inParts(box, nodes, left);
      last.nextElementSibling?.querySelector("button")?.focus();
    });
    box.append(more);
  }

  function draw(nodes) { // these nodes; without a list all of them, equal ones folded
    cellsOf.clear();
    grid.replaceChildren(scale());
    const groups = new Map(plan.groups);
    if (nodes) inParts(grid, nodes.values(), nodes.length);
    else for (const [first, likes, said] of plan.fold) {
      if (groups.has(first)) grid.append(make("h3", { class: "group" }, groups.get(first)));
      grid.append(nodeRow(first));
      if (likes.length) grid.append(...fold(first, likes, said));
    }
  }

  // ---- search ----

  let hits = null;

  function look() {
    const all = tasksFor(search.value);
    hits = all && new Set(all);
    grid.classList.toggle("searching", all !== null);
    if (!hits) {
      found.textContent = "";
      draw();
      return;
    }
    const nodes = [...new Set([...hits].map((task) => task.row.node))].sort((a, b) => a - b);
    const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
    found.textContent = hits.size ? `${count(hits.size, "task")} on ${count(nodes.length, "node")}` : "nothing found";
    draw(nodes);
  }

  // ---- details ----

  let picked = null;
  let opener = null;

  function table(rows) {
    return make("table", {}, make("tbody", {}, ...rows.map(([name, ...parts]) =>
      make("tr", {}, make("td", { class: parts.length > 1 && parts[1] === "name" ? "name" : "" }, name),
        make("td", {}, ...asText([].concat(parts[0])))))));
  }

  const code = (parts) => make("pre", { class: "words", tabindex: "0" }, ...asText(parts));
  const part = (heading, ...inside) => [make("h4", {}, heading), ...inside];

  function facts(task) {
    const { row, role } = task;
    const rows = [["node", `${row.node}${row.node === plan.nodes.head ? ", the head node" : ""}`]];
    if (hostOf(row.node)) rows.push(["host", hostOf(row.node)]);
    if (row.gpus.length) rows.push([row.gpus.length > 1 ? "GPUs" : "GPU", runs(row.gpus)]);
    if (row["num-tasks"] > 1) rows.push(["rank", `${row.rank} of ${row["num-tasks"]}`]);
    if (role.shares) rows.push(["beside", `${role.shares} ${row.worker}, on the same GPUs`]);
    if (role.until) rows.push(["until", `${role.until.join(", ")} start, with GPUs or ports of this role`]);
    if (role.after) rows.push(["starts after", role.after.join(", ")]);
    if (role.workdir) rows.push(["directory", fill(role.workdir, task)]);
    return rows;
  }

  function watched(task) {
    const role = task.role;
    const rows = (role.probes || []).map(([what, asked, within]) => [what, [...fill(asked, task), `, ${within}`]]);
    if (role.failOnLog) rows.push(["fails when its log says", role.failOnLog]);
    if (role.metrics) rows.push(["metrics", fill(role.metrics, task)]);
    return rows;
  }

  function* contents(task) {
    const { row, role } = task;
    yield table(facts(task));
    if (row.ports.length) {
      yield* part(plan.blocks ? "Ports of block 0" : "Ports", table(row.ports.map(([name, first, count]) => [name, block(first, count)])));
    }
    if (role.command) yield* part("Command", code(shown(commandOf(task))));
    if (role.setup) yield* part("Before it, in bash", code(fill(role.setup, task)));
    const env = (role.env || []).map(([name, text]) => [name, fill(text, task), "name"]);
    if (plan.gpuVariable && row.gpus.length) env.unshift([plan.gpuVariable, row.gpus.join(","), "name"]);
    if (env.length && role.command) yield* part("Environment", table(env));
    if (watched(task).length) yield* part("How it is watched", table(watched(task)));
    if (role.srun) yield* part("Further words of srun", code(shown([...wordsOf(role.srun, task)])));
    if (!role.command) yield make("p", { class: "muted" }, "This plan does not say what it runs.");
    const ranks = role.tasks ? role.tasks.filter((other) => other !== task && other.row.worker === row.worker) : [];
    if (ranks.length) yield* part("Its other tasks", make("div", { class: "links" }, ...ranks.slice(0, MOST_RANKS).map(link)));
  }

  function link(task) {
    const made = make("button", { type: "button", class: "link" }, `${numberOf(task)} on node ${task.row.node}`);
    made.addEventListener("click", () => show(task));
    return made;
  }

  function show(task, from) {
    for (const cell of cellsOf.get(picked) || []) cell.classList.remove("picked");
    picked = task;
    for (const cell of cellsOf.get(picked) || []) cell.classList.add("picked");
    opener = from || opener;
    const name = task.role.tasks ? nameOf(task) : `phase ${task.role.name}`;
    const heading = make("h3", { tabindex: "-1" }, name);
    const close = make("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", hide);
    details.replaceChildren(make("div", { class: "head" }, heading, close), ...contents(task));
    details.style.setProperty("--role", task.role.colour || "var(--quiet)");
    details.hidden = false;
    document.body.classList.add("with-details");
    details.scrollTop = 0;
    heading.focus({ preventScroll: true });
    (cellsOf.get(task) || [])[0]?.scrollIntoView({ block: "nearest" });
    if (task.role.tasks) address(`#${encodeURIComponent(idOf(task))}`);
  }

  function address(hash) { // so that a link leads to a worker; a viewer that allows no address of its own goes without
    try {
      history.replaceState(null, "", hash);
    } catch { /* a page without an address */ }
  }

  function hide() {
    for (const cell of cellsOf.get(picked) || []) cell.classList.remove("picked");
    picked = null;
    details.hidden = true;
    document.body.classList.remove("with-details");
    address("#");
    if (opener && opener.isConnected) opener.focus();
  }

  // ---- keys: arrows go from worker to worker, Escape closes ----

  function step(from, key) {
    const all = [...grid.querySelectorAll("button")].filter((cell) => cell.offsetParent);
    const at = all.indexOf(from);
    if (key === "Home") return all[0];
    if (key === "End") return all[all.length - 1];
    if (key === "ArrowRight" || key === "ArrowLeft") return all[at + (key === "ArrowRight" ? 1 : -1)];
    const here = from.getBoundingClientRect();
    const down = key === "ArrowDown";
    const others = all.filter((cell) => down ? cell.getBoundingClientRect().top >= here.bottom - 2
      : cell.getBoundingClientRect().bottom <= here.top + 2);
    const far = (cell) => {
      const box = cell.getBoundingClientRect();
      return Math.abs(box.top - here.top) * 100 + Math.abs(box.left - here.left);
    };
    return others.sort((a, b) => far(a) - far(b))[0];
  }

  grid.addEventListener("keydown", (event) => {
    const from = event.target.closest("button");
    if (!from || !/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key)) return;
    const to = step(from, event.key);
    if (to) to.focus();
    event.preventDefault();
  });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("button");
    if (cell && cell.task) show(cell.task, cell);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !details.hidden && event.target !== search) hide();
    if (event.key === "/" && event.target !== search) {
      event.preventDefault();
      search.focus();
    }
  });

  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 120);
  });

  const phases = document.getElementById("phases");
  for (const phase of plan.phases) {
    const [row] = rowsOf(phase.rows);
    const made = make("button", { type: "button", class: "link" }, `details of ${phase.name}`);
    made.addEventListener("click", () => show({ role: phase, row }, made));
    phases.append(made);
  }
  const labels = [`node ${plan.nodes.count - 1}`, ...plan.nodes.hosts.slice(0, 1000).map(short)];
  const longest = Math.max(...labels.map((label) => label.length));
  grid.style.setProperty("--side", `${Math.min(20, Math.max(10, longest + 1)) * 0.55}rem`);
  grid.classList.toggle("wide", mostGpus > 16);
  document.querySelector(".tools").hidden = false;
  draw();
  const wanted = decodeURIComponent(location.hash.slice(1));
  const linked = wanted && tasks.find((task) => idOf(task) === wanted || `${task.role.name}-${task.row.worker}` === wanted);
  if (linked) show(linked);
})();

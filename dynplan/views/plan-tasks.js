// What the data of a page comes to: tasks from the rows that the script has, commands from its templates, and a search.
// It draws nothing and knows no page; plan-page.js does.
"use strict";
function readPlan(plan) {
  const MOST_LISTED = 100; // items of a list over workers

  // ---- tasks, from the rows that the script has ----

  function* rowsOf(groups) {
    for (const { times, steps, rows } of groups) {
      for (let turn = 0; turn < times; turn++) {
        for (const [shape, numbers] of rows) yield cells(shape, numbers, steps, turn);
      }
    }
  }

  function cells(shape, numbers, steps, turn) {
    const row = { rank: 0, "num-tasks": 1, gpus: [], ports: [] };
    shape.forEach(([name, width], at) => {
      const first = numbers[at] + turn * (steps[name] || 0);
      if (name === "gpus") row.gpus = Array.from({ length: width }, (_, more) => first + more);
      else if (name.startsWith("gpu.")) row.gpus.push(first);
      else row[name] = first;
      if (name.includes("port.")) row[name + ".last"] = first + width - 1;
      if (name.startsWith("port.")) row.ports.push([name.slice(5), first, width]);
    });
    return row;
  }

  const tasks = [];
  const byNode = new Map();
  plan.roles.forEach((role) => {
    role.tasks = [];
    for (const row of rowsOf(role.rows)) {
      const task = { role, row, at: role.tasks.length };
      role.tasks.push(task);
      tasks.push(task);
      if (!byNode.has(row.node)) byNode.set(row.node, []);
      byNode.get(row.node).push(task);
    }
    role.leaders = role.tasks.filter((task) => task.row.rank === 0);
  });
  const gpusOf = [];
  for (const [count, gpus] of plan.nodes.gpus) for (let more = 0; more < count; more++) gpusOf.push(gpus);

  const hostOf = (node) => plan.nodes.hosts[node] || "";
  const numberOf = ({ row }) => row["num-tasks"] > 1 ? `${row.worker}.${row.rank}` : `${row.worker}`;
  const nameOf = (task) => `${task.role.name} ${numberOf(task)}`;
  const idOf = (task) => `${task.role.name}-${numberOf(task)}`;
  const block = (first, count) => count > 1 ? `${first}-${first + count - 1}` : `${first}`;

  function runs(numbers) { // 0-3, 8
    const parts = [];
    for (const number of numbers) {
      const last = parts[parts.length - 1];
      if (last && number === last[1] + 1) last[1] = number;
      else parts.push([number, number]);
    }
    return parts.map(([low, high]) => low === high ? `${low}` : `${low}-${high}`).join(", ");
  }

  // ---- commands: what a template stands for, as far as a plan can know; the rest is known when the job runs ----

  const later = (text) => ({ later: text });

  function place(what, node) { // the host or the address of a node
    const host = hostOf(node);
    if (what.endsWith("host")) return host || later(`host of node ${node}`);
    return later(host ? `address of ${host}` : `address of node ${node}`);
  }

  function value(name, task) { // undefined: nobody knows such a name
    const row = task.row;
    const lists = /^role\.([^.]+)\.(.+)$/.exec(name);
    if (name === "brace") return "{";
    if (name === "gpus") return row.gpus.join(",");
    if (name === "gpu-count") return `${row.gpus.length}`;
    if (name === "num-workers") return `${task.role.leaders.length}`;
    if (lists) return list(name, lists[1]);
    const where = /^(leader\.)?(host|ip|url-host|url-ip)(?:\.(\d+))?$/.exec(name);
    if (where) return place(where[2], where[3] ? Number(where[3]) : where[1] && "leader" in row ? row.leader : row.node);
    if (Object.hasOwn(row, name) && typeof row[name] === "number") return `${row[name]}`;
    if (/^(job|phase|from-env)\.|^(interface|metrics-urls)$/.test(name)) return later(name);
    return undefined;
  }

  function list(name, roleName) { // of all workers of a role, as the script joins them
    const role = plan.roles.find((other) => other.name === roleName);
    const item = role && (role.lists || {})[name];
    if (!item) return later(name);
    const parts = role.leaders.slice(0, MOST_LISTED).flatMap((task, at) => [at ? "," : "", ...fill(item, task)]);
    return role.leaders.length > MOST_LISTED ? [...parts, later(`and ${role.leaders.length - MOST_LISTED} more`)] : parts;
  }

  function fill(text, task, own = value) { // a list of texts, and of what is known later
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(/\{([a-z][^{}]*)\}/g)) {
      const known = own(match[1], task);
      if (known === undefined) continue;
      parts.push(text.slice(end, match.index), ...(Array.isArray(known) ? known : [known]));
      end = match.index + match[0].length;
    }
    parts.push(text.slice(end));
    return parts.filter((part) => part !== "");
  }

  function ofIt(name, task) { // in words that stand once for each worker of a role
    const [it, fact, port] = name.split(".");
    if (it !== "it") return undefined;
    const number = task.row["port." + port];
    if (fact === "url" || fact === "endpoint") {
      return [fact === "url" ? "http://" : "", place("url-host", task.row.node), `:${number}`];
    }
    return value(name.slice(3), task);
  }

  function* wordsOf(words, task) {
    for (const word of words || []) {
      if (typeof word === "string") yield fill(word, task);
      else if (word.when) {
        if (task.row[word.when]) for (const text of word.words) yield fill(text, task);
      } else {
        const role = plan.roles.find((other) => other.name === word.each);
        const both = (name, it) => ofIt(name, it) ?? value(name, task);
        for (const it of role ? role.leaders.slice(0, MOST_LISTED) : []) {
          for (const text of word.words) yield fill(text, it, both);
        }
        const more = role ? role.leaders.length - MOST_LISTED : 0;
        if (more > 0) yield [later(`and the same for ${more} more`)];
      }
    }
  }

  function commandOf(task) {
    const role = task.role;
    const several = task.row["num-tasks"] > 1;
    const more = task.row.rank === 0 ? role.leader : several ? role.follower : [];
    return [...wordsOf(role.command, task), ...wordsOf(more, task)];
  }

  const plain = (parts) => parts.map((part) => part.later ? `{${part.later}}` : part).join("");

  function quoted(parts) { // as a shell reads it
    const fixed = parts.filter((part) => !part.later).join("");
    if (parts.length && /^[\w@%+=:,./-]*$/.test(fixed)) return parts;
    return ["'", ...parts.map((part) => part.later ? part : part.replaceAll("'", "'\"'\"'")), "'"];
  }

  function shown(words) { // an option and its value in a line of their own
    const text = [];
    for (const parts of words) {
      const option = typeof parts[0] === "string" && /^-+[a-zA-Z]/.test(parts[0]);
      if (text.length) text.push(option ? " \\\n  " : " ");
      text.push(...quoted(parts));
    }
    return text;
  }

  // ---- search ----

  const roleNames = new Set(plan.roles.map((role) => role.name.toLowerCase()));

  function tokensOf(text) { // `node 12` and `decode 3` are one thing
    const kinds = ["node", "port", "worker", "gpu", ...roleNames];
    const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
    const tokens = [];
    for (const part of parts) {
      const last = tokens[tokens.length - 1];
      if (/^\d+(\.\d+)?$/.test(part) && kinds.includes(last)) tokens[tokens.length - 1] = `${last}-${part}`;
      else tokens.push(part);
    }
    return tokens;
  }

  function wordsFor(role) { // what is the same for all tasks, and what must be filled for each
    const all = [...(role.command || []), ...(role.leader || []), ...(role.follower || [])];
    const texts = [...all.flatMap((word) => word.words || [word]), ...(role.env || []).flat()];
    return { same: texts.filter((text) => !text.includes("{")).join("\n").toLowerCase(),
      own: texts.filter((text) => text.includes("{")) };
  }

  function matches(token, task) {
    const { row, role } = task;
    const [, kind, number] = /^(node|port|worker|gpu)[-:](\d+)$/.exec(token) || [];
    const binds = (port) => row.ports.some(([, first, count]) => first <= port && port < first + count);
    if (kind === "node") return row.node === Number(number);
    if (kind === "worker") return row.worker === Number(number);
    if (kind === "gpu") return row.gpus.includes(Number(number));
    if (kind === "port") return binds(Number(number));
    if (roleNames.has(token)) return role.name.toLowerCase() === token; // and not whoever has it in a command
    if (roleNames.has(token.replace(/-\d+(\.\d+)?$/, ""))) {
      return token === idOf(task).toLowerCase() || token === `${role.name}-${row.worker}`.toLowerCase();
    }
    if (/^\d+$/.test(token) && (row.node === Number(token) || row.worker === Number(token) || binds(Number(token)))) {
      return true;
    }
    return role.name.toLowerCase().includes(token) || hostOf(row.node).toLowerCase().includes(token)
      || row.ports.some(([name]) => name.toLowerCase() === token) || role.words.same.includes(token)
      || role.words.own.some((text) => plain(fill(text, task)).toLowerCase().includes(token));
  }

  // Returns the tasks that all words of a query are about, null for a query without words.
  function search(text) {
    const tokens = tokensOf(text);
    return tokens.length ? tasks.filter((task) => tokens.every((token) => matches(token, task))) : null;
  }

  plan.roles.forEach((role) => {
    role.words = wordsFor(role);
  });
  return { tasks, byNode, gpusOf, rowsOf, hostOf, numberOf, nameOf, idOf, block, runs, fill, wordsOf, commandOf, plain, shown, search };
}

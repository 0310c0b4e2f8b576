// Grafana's own types, as JSON has them: an enum is one of its values, and what is deeper likewise.
import type { Dashboard, Panel, RowPanel } from "@grafana/schema";
import type * as BarGauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as States from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as Table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as TimeSeries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

// Of a query to Prometheus the package has no type: these are the fields that Grafana's data source reads.
type Query = {
  datasource: { type: "prometheus"; uid: string };
  expr: string;
  refId: string;
  legendFormat?: string;
  instant: boolean;
  range: boolean;
  format: "time_series" | "table";
};

// The dashboard's type leaves options, queries and a field's own settings open: here each kind of panel has its own.
type Of<Type extends string, Options, Custom> = Omit<Json<Panel>, "type" | "options" | "targets" | "fieldConfig"> & {
  type: Type;
  options: Partial<Json<Options>>;
  targets: Query[];
  fieldConfig: Omit<NonNullable<Json<Panel>["fieldConfig"]>, "defaults"> & {
    defaults: Omit<NonNullable<Json<Panel>["fieldConfig"]>["defaults"], "custom"> & { custom?: Partial<Json<Custom>> };
  };
};

type AnyPanel =
  | Of<"stat", Stat.Options, never>
  | Of<"timeseries", TimeSeries.Options, TimeSeries.FieldConfig>
  | Of<"bargauge", BarGauge.Options, never>
  | Of<"table", Table.Options, Table.FieldConfig>
  | Of<"state-timeline", States.Options, States.FieldConfig>
  | Json<RowPanel>;

// The data source reads an annotation's query from "expr". The SDK writes an interval's fields with every variable; Grafana
// passes them over.
type Annotation = NonNullable<NonNullable<Json<Dashboard>["annotations"]>["list"]>[number] & { expr: string };
type Variable = NonNullable<NonNullable<Json<Dashboard>["templating"]>["list"]>[number] & {
  auto?: false;
  auto_count?: number;
  auto_min?: string;
};

export type Provisioned = Omit<Json<Dashboard>, "panels" | "annotations" | "templating"> & {
  annotations: { list: Annotation[] };
  panels: AnyPanel[];
  templating: { list: Variable[] };
};

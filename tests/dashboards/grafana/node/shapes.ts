// The shapes of Grafana's own types that the dashboards are held against; each alias becomes one JSON schema.
import type { Dashboard } from "./node_modules/@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen";
import type * as heatmap from "./node_modules/@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type * as stat from "./node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as statetimeline from "./node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "./node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "./node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

export type dashboard = Dashboard;
export type heatmap_options = heatmap.Options;
export type heatmap_fields = heatmap.FieldConfig;
export type stat_options = stat.Options;
export type statetimeline_options = statetimeline.Options;
export type statetimeline_fields = statetimeline.FieldConfig;
export type table_options = table.Options;
export type table_fields = table.FieldConfig;
export type timeseries_options = timeseries.Options;
export type timeseries_fields = timeseries.FieldConfig;
